"""Says in a sentence what each page is: for search engines, for cards of links, and in llms.txt. A hook of mkdocs.

The sentence is the beginning of the page's first paragraph. llms.txt lists the pages as the navigation does.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
LONGEST = 200
NAV: list[Any] = []  # of the edition that is being built
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
SENTENCE = re.compile(r"[.!?](?= )|[。！？]")


def first_sentence(content: str) -> str:
    """The first sentence of a page's HTML that says something."""
    for found in PARAGRAPH.findall(content):
        text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", found)).split())
        if len(text) > 15:
            end = SENTENCE.search(text)
            text = text[: end.end()] if end else text
            return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:，；：") + "…"
    return ""


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages: the picture of a link's card, where .ci/screenshots.py took it."""
    is_chinese = config.theme["language"] == "zh"
    card = f"img/dashboard/card{'-zh' if is_chinese else ''}.png"
    config.extra["card"] = f"{'../' if is_chinese else ''}{card}" if (DOCS / card).exists() else ""


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page as HTML."""
    told = first_sentence(html) or config.site_description
    page.meta.setdefault("description", config.site_description if page.is_homepage else told)
    return html


def on_nav(nav: Any, config: Any, files: Any) -> Any:
    """Called by mkdocs with the navigation: it is kept for later."""
    NAV[:] = nav.items
    return nav


def on_post_build(config: Any) -> None:
    """Called by mkdocs when the pages are written: list them in llms.txt."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}"]
    _list(NAV, lines, 2)
    Path(config.site_dir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _list(items: list[Any], lines: list[str], level: int) -> None:
    """Add pages, and then sections with a heading each."""
    lines.append("")
    for item in items:
        if item.is_page:  # a link is whole where the address of the site is known
            lines.append(f"- [{item.title}]({item.canonical_url or item.url}): {item.meta['description']}")
    for item in items:
        if item.is_section:
            lines += ["", f"{'#' * level} {item.title}"]
            _list(item.children, lines, level + 1)
