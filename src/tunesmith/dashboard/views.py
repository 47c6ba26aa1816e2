"""`Views`: makes pages from templates, in the reader's language."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tunesmith import __version__
from tunesmith.dashboard.notes import to_html
from tunesmith.dashboard.words import ago, language_of
from tunesmith.languages import LANGUAGES, Words
from tunesmith.text import printable

TEMPLATES = Path(__file__).parent / "templates"


class Views:
    """The templates; whatever a study holds is escaped in them."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._environment.filters |= {
            "number": number, "param": param, "clock": clock, "span": span, "text": text,
            "path": lambda v: quote(str(v), safe=""), "query": urlencode,
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
            "theme": theme_of(request), "query": dict(request.query_params), "markdown": to_html,
            "ago": lambda moment: ago(words, time.time() - moment),
        }  # fmt: skip
        made = self._environment.get_template(template).render({**shared, **context})
        return HTMLResponse(
            made, status, headers={"vary": "accept-language, cookie", "content-language": words.language}
        )


def theme_of(request: Request) -> str:
    """Return "light" or "dark", or "": as the system has it."""
    chosen = request.cookies.get("tunesmith-theme", "")
    return chosen if chosen in ("light", "dark") else ""


def number(value: Any, digits: int = 6) -> str:
    """Return a number as a table shows it; empty: there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return text(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def param(value: Any, digits: int = 6) -> str:
    """Return a parameter's value as a table shows it: None is one, too."""
    return "None" if value is None else number(value, digits)


def text(value: Any, most: int = 200) -> str:
    """Return any value as one line that can be shown; of a long one the beginning."""
    shown = printable(str(value))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def clock(moment: float) -> str:
    """Return a unix time as local time; empty: there is none."""
    return "" if moment != moment else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def span(seconds: float) -> str:
    """Return a number of seconds as text; empty: it is not known."""
    if seconds != seconds:
        return ""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"
