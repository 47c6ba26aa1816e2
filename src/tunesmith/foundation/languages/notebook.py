"""`block`: a piece of HTML that a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable

from tunesmith.foundation.languages.said import Said
from tunesmith.foundation.languages.words import told
from tunesmith.foundation.text import printable


def block(head: str, lines: Iterable[str] = (), table: Iterable[tuple[str, str]] = (), *, kind: str) -> str:
    """Return a piece of HTML for a notebook, in the language of who reads; every text is escaped here.

    Args:
        head: the most important line.
        lines: what follows, as a list.
        table: rows of a name and a value, below the head; translated is what `say` made.
        kind: what is shown, for the class of the element: "report", "study".
    """
    rows = "".join(f"<tr><th style='text-align:left'>{_own(k)}</th><td>{_own(v)}</td></tr>" for k, v in table)
    items = "".join(f"<li>{_safe(told(line))}</li>" for line in lines)
    body = (f"<table>{rows}</table>" if rows else "") + (f"<ul>{items}</ul>" if items else "")
    return f'<div class="tunesmith-{_safe(kind)}"><p><b>{_safe(told(head))}</b></p>{body}</div>'


def _own(text: str) -> str:
    return _safe(told(text) if isinstance(text, Said) else text)


def _safe(text: str) -> str:
    import html  # only notebooks need it

    return html.escape(printable(text, lines=True), quote=True)
