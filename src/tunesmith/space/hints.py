"""Wording shared by the errors of spaces: lists and values that stay readable."""

from __future__ import annotations

from collections.abc import Iterable


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
