"""`Views`: makes pages from templates, in the reader's language."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import nh3
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tunesmith import __version__
from tunesmith.foundation import look
from tunesmith.foundation.formats import ago_text, cell_text, duration_text, number_text
from tunesmith.foundation.languages import LANGUAGES, Words
from tunesmith.foundation.text import cut, printable

# -- which language a reader gets, and times as words ---------------------------------------------------------------

COOKIE = "tunesmith-language"


def language_of(request: Request) -> str:
    """Return the language that the reader chose, else the first of the browser's that there is, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "")[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag.lower().partition("-")[0]))
        except ValueError:
            continue
    return next((tag for q, tag in sorted(wanted, key=lambda pair: pair[0]) if tag in LANGUAGES and q < 0), "en")


# -- notes in Markdown, as markup that cannot do anything -----------------------------------------------------------

TAGS = "tags"  # the user attribute that holds the tags of a study
NOTE = "note"  # the user attribute that holds the note of a study or of a trial
NOTE_CHARACTERS = 50_000  # characters
ALLOWED = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def to_html(text: str) -> Markup:
    """Return a note as markup. Raw HTML is shown as text, pictures are left out, and only a few tags may be there."""
    made = _parser().render(text[:NOTE_CHARACTERS])
    clean = nh3.clean(
        made, tags=ALLOWED, attributes={"a": {"href", "title"}}, url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )  # fmt: skip
    return Markup(clean)  # nh3 has just removed all that is not in ALLOWED


TEMPLATES = Path(__file__).parent / "templates"


class Views:
    """The templates; whatever a study holds is escaped in them."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._environment.filters |= {
            "number": number_cell, "brief": brief_cell, "param": param_cell, "clock": clock, "span": duration_text,
            "text": one_line, "path": lambda v: quote(str(v), safe=""), "query": urlencode,
        }  # fmt: skip

    def page(self, request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
        """Return a page.

        Args:
            request: whose page it is.
            template: the file.
            context: what it shows.
            status: of the answer.
        """
        words = Words(language_of(request))
        access = request.app.state.access
        shared = {
            "_": words, "words": words, "languages": LANGUAGES, "root": request.scope.get("root_path", ""),
            "here": request.url.path, "version": __version__, "read_only": access.read_only,
            "icon": lambda name: icon(name, request.scope.get("root_path", "")), "mark": Markup(look.mark(22)),
            "states": look.STATES,
            "theme": theme_of(request), "query": dict(request.query_params), "markdown": to_html,
            "ago": lambda moment: ago_text(time.time() - moment, words),
        }  # fmt: skip
        made = self._environment.get_template(template).render({**shared, **context})
        return HTMLResponse(
            made, status, headers={"vary": "accept-language, cookie", "content-language": words.language}
        )


def icon(name: str, root: str) -> Markup:
    """Return an icon as markup; a word has to stand beside it, or in the label of what is pressed.

    Args:
        name: of one of `look.icons`.
        root: the path below which the dashboard is.
    """
    use = '<svg class="icon" aria-hidden="true"><use href="{}/static/icons.svg?{}#{}"/></svg>'
    return Markup(use).format(root, __version__, name)


def theme_of(request: Request) -> str:
    """Return "light" or "dark", or "": as the system has it."""
    chosen = request.cookies.get("tunesmith-theme", "")
    return chosen if chosen in ("light", "dark") else ""


def number_cell(value: Any, digits: int = 6) -> str:
    """Return a number as a table shows it; empty: there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if isinstance(value, float) and math.isnan(value) else one_line(cell_text(value, digits))


def brief_cell(value: Any) -> str:
    """Return a number with three significant digits, and all before its point; anything else as `param_cell`."""
    if isinstance(value, float) and math.isfinite(value):
        return number_text(value if abs(value) >= 1000 else float(f"{value:.3g}"))
    return param_cell(value)


def param_cell(value: Any, digits: int = 6) -> str:
    """Return a parameter's value as a table shows it: None is one, too."""
    return "None" if value is None else number_cell(value, digits)


def one_line(value: Any, most: int = 200) -> str:
    """Return any value as one line that can be shown; of a long one the beginning."""
    return cut(printable(str(value)), most)


def clock(moment: float) -> str:
    """Return a unix time as local time; empty: there is none."""
    return "" if moment != moment else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
