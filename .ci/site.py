"""Looks at the built documentation: no page above 300 kB, and nothing that is loaded from elsewhere.

It is a hook of mkdocs too, which takes the indentation out of each page: a fifth of its bytes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

LARGEST = 300_000
ELSEWHERE = re.compile(r'<(?:script|link|img|iframe)\b[^>]+\b(?:src|href)="?(?:https?:)?//[^ >]*')
PRE = re.compile(r"(<pre\b.*?</pre>|<textarea\b.*?</textarea>|<script\b.*?</script>)", re.DOTALL)


def on_post_page(html: str, page: Any, config: Any) -> str:
    """Called by mkdocs with each page before it is written."""
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
    faults = check(Path(sys.argv[1]))
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    sys.exit(bool(faults))
