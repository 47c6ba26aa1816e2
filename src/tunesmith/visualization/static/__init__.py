"""The script and the style by which drawings of `svg_style` answer, in the dashboard and in reports."""

from __future__ import annotations

from importlib.resources import files


def script() -> str:
    """Return the program; it sets ``window.tunesmith``."""
    return _read("figures.js")


def style() -> str:
    """Return the rules of drawings; where a page is dark, `svg_style.dark` are the colours of their variables."""
    return _read("figures.css")


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")
