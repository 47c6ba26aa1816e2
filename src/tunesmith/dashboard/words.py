"""`Words`: the dashboard's sentences in the reader's language. English is in the code; others are in ``locale/``."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE = "tunesmith-language"


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> dict[str, str]:
    """Return a language's sentences by the English ones."""
    if language == "en":
        return {}
    found: dict[str, str] = json.loads((LOCALE / f"{language}.json").read_text(encoding="utf-8"))
    return found


class Words:
    """Translates; called like gettext.

    Args:
        language: "en" or "zh".

    Attributes:
        language: of the page, as ``lang`` says it.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._found = catalogue(language)

    def __call__(self, english: str, *values: object) -> str:
        """Return a sentence, with values in the places of {} or {0}, {1} and so on."""
        sentence = self._found.get(english, english)
        return sentence.format(*values) if values else sentence

    def ago(self, seconds: float) -> str:
        """Return how long ago something was; empty: it is not known."""
        if seconds != seconds:
            return ""
        for size, unit in ((86400.0, "{} d ago"), (3600.0, "{} h ago"), (60.0, "{} min ago")):
            if seconds >= size:
                return self(unit, int(seconds // size))
        return self("just now") if seconds < 5 else self("{} s ago", int(seconds))


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
