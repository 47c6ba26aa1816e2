"""Notes in Markdown, as markup that cannot do anything."""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

KEY = "note"  # the user attribute that holds the note of a study or of a trial
MOST = 50_000  # characters
TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def to_html(text: str) -> Markup:
    """Return a note as markup. Raw HTML is shown as text, pictures are left out, and only a few tags may be there."""
    made = _parser().render(text[:MOST])
    clean = nh3.clean(
        made, tags=TAGS, attributes={"a": {"href", "title"}}, url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )  # fmt: skip
    return Markup(clean)  # nh3 has just removed all that is not in TAGS
