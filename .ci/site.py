"""Looks at the built documentation: no page above 300 kB, nothing that is loaded from elsewhere, and pictures left out.

It is a hook of mkdocs too. It takes the indentation out of each page, a fifth of its bytes; names the search's window
and empty cells for who hears the page; and leaves out the page for addresses that are not there, which no server sends.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

LARGEST = 300_000
SEARCH = {"en": "Search", "zh": "搜索"}
ELSEWHERE = re.compile(r'<(?:script|link|img|iframe)\b[^>]+\b(?:src|href)="?(?:https?:)?//[^ >]*')
PRE = re.compile(r"(<pre\b.*?</pre>|<textarea\b.*?</textarea>|<script\b.*?</script>)", re.DOTALL)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page as HTML: a head of a column without words is no head."""
    return re.sub(r"<th([^>]*)></th>", r"<td\1></td>", html)


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """Called by mkdocs with each page that is no page of ours."""
    return "" if template_name == "404.html" else output


def on_post_page(html: str, page: Any, config: Any) -> str:
    """Called by mkdocs with each page before it is written."""
    search = SEARCH[config.theme["language"]]
    html = html.replace(
        'data-md-component="search" role="dialog"', f'data-md-component="search" role="dialog" aria-label="{search}"'
    )
    parts = PRE.split(html)
    parts[::2] = [re.sub(r"\n\s+", "\n", part) for part in parts[::2]]
    return "".join(parts)


def check(site: Path) -> list[str]:
    """What is wrong with the pages of a site."""
    wrong = []
    for path in sorted(site.rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        size = len(html.encode())
        if size > LARGEST:
            wrong.append(f"{path}: {size:,} bytes; split it, a reader waits for at most {LARGEST:,}")
        wrong.extend(f"{path} loads something from elsewhere: {found}" for found in ELSEWHERE.findall(html))
    return wrong


if __name__ == "__main__":
    import screenshots

    site = Path(sys.argv[1])
    faults = check(site)
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    if told := screenshots.left_out(site):
        print(f"docs: {told}", file=sys.stderr)
    sys.exit(bool(faults))
