"""Which language a reader gets, and times as words."""

from __future__ import annotations

from starlette.requests import Request

from tunesmith.languages import LANGUAGES, Words

COOKIE = "tunesmith-language"


def ago(words: Words, seconds: float) -> str:
    """Return how long ago something was; empty: it is not known.

    Args:
        words: the language.
        seconds: since then.
    """
    if seconds != seconds:
        return ""
    for size, unit in ((86400.0, "{} d ago"), (3600.0, "{} h ago"), (60.0, "{} min ago")):
        if seconds >= size:
            return words(unit, int(seconds // size))
    return words("just now") if seconds < 5 else words("{} s ago", int(seconds))


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
