"""Texts of others (names, exceptions, paths) made fit to be stored and to be shown."""

from __future__ import annotations

MOST = 8000  # characters of a reason that are kept


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return a text that does nothing to a terminal: what is not printable is written as an escape, such as ``\x1b``.

    Args:
        text: any.
        lines: keep line ends and tabs as they are.
    """
    kept = "\n\t" if lines else ""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)


def shorten(text: str, most: int = MOST) -> str:
    """Return a text of about `most` characters at the longest: the beginning, how many were left out, and the end."""
    if len(text) <= most:
        return text
    head, tail = most - most // 4, most // 4
    return f"{text[:head]}\n[{len(text) - head - tail:,} characters left out]\n{text[len(text) - tail :]}"
