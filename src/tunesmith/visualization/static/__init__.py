"""The script and the style by which drawings of `svg_style` answer, in the dashboard and in reports."""

from __future__ import annotations

from importlib.resources import files

from tunesmith.visualization.svg_style import dark


def script() -> str:
    """Return the program; it sets ``window.tunesmith``."""
    return _read("figures.js")


def style(media: str = "(prefers-color-scheme:dark)", root: str = ":root", chosen: str = "") -> str:
    """Return the rules of drawings, light and dark.

    Args:
        media: where pages are dark.
        root: what is dark there.
        chosen: what is dark in any case; empty: nothing is.
    """
    always = f"{chosen}{{{dark()}}}\n" if chosen else ""
    return f"{_read('figures.css')}@media {media}{{{root}{{{dark()}}}}}\n{always}"


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")
