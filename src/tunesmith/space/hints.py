"""Wording shared by the errors of spaces: suggestions, and lists that stay readable."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """`"; did you mean 'x'?"`, or the empty string if nothing comes near."""
    if not isinstance(word, str):
        return ""
    import difflib  # only errors need it

    names = [option for option in options if isinstance(option, str)]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if not close:
        lower = {name.lower(): name for name in names}
        close = [lower[word.lower()]] if word.lower() in lower else []
    return f"; did you mean {close[0]!r}?" if close else ""


def listing(options: Iterable[object], limit: int = 12) -> str:
    """`'a', 'b', 'c'`, cut after `limit` entries with a count of the rest."""
    items = [shown(option) for option in options]
    if len(items) > limit:
        return ", ".join(items[:limit]) + f", … ({len(items) - limit} more)"
    return ", ".join(items)


def shown(value: object, limit: int = 80) -> str:
    """`repr(value)`, cut to `limit` characters; never raises, since it is used to word errors."""
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ must not hide the error being reported
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"
