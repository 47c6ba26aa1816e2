"""Texts of others (names, exceptions, paths) made fit to be stored and to be shown."""

from __future__ import annotations

import html
from collections.abc import Iterable

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


def block(head: str, lines: Iterable[str] = (), table: Iterable[tuple[str, str]] = (), *, kind: str) -> str:
    """Return a piece of HTML for a notebook; every text is escaped here.

    Args:
        head: the most important line.
        lines: what follows, as a list.
        table: rows of a name and a value, below the head.
        kind: what is shown, for the class of the element: "report", "study".
    """
    rows = "".join(f"<tr><th style='text-align:left'>{_safe(k)}</th><td>{_safe(v)}</td></tr>" for k, v in table)
    items = "".join(f"<li>{_safe(line)}</li>" for line in lines)
    body = (f"<table>{rows}</table>" if rows else "") + (f"<ul>{items}</ul>" if items else "")
    return f'<div class="tunesmith-{_safe(kind)}"><p><b>{_safe(head)}</b></p>{body}</div>'


def _safe(text: str) -> str:
    return html.escape(printable(text, lines=True), quote=True)
