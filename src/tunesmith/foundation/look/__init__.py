"""How everything that people look at looks: pages, reports, notebooks, figures and terminals take it from here.

`COLOURS` are the tokens; docs/design.md says what each is for, and the dashboard's page /design shows them.
"""

from __future__ import annotations

from importlib.resources import files

from tunesmith.foundation.look.colours import COLOURS, DATA, STATES, declarations
from tunesmith.foundation.look.drawn import Drawing, interval, mark, sparkline

__all__ = [
    "COLOURS", "DATA", "STATES", "Drawing", "controls", "declarations", "icons", "interval", "mark", "sparkline",
    "tokens",
]  # fmt: skip


def tokens(*, dark: bool) -> str:
    """Return the rules of CSS that set the tokens as variables, such as ``--accent``, of a light or a dark page."""
    return f":root{{{declarations(dark=dark)};color-scheme:{'dark' if dark else 'light'}}}\n"


def controls() -> str:
    """Return the rules of CSS of controls: buttons, fields, menus, dialogs, chips, tables, what is empty or loading."""
    return _read("controls.css")


def icons() -> str:
    """Return the icons as one SVG file of symbols: ``<use href="icons.svg#check">``. They are Octicons, MIT licence."""
    return _read("icons.svg")


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")
