"""Draws the figure that a block of the documentation ends in, for `.ci/outputs.py`: the page's code calls `save`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pages import LANGUAGES

from tunesmith.foundation.languages import words_of
from tunesmith.visualization.figures import draw
from tunesmith.visualization.svg_style import as_svg

WIDTH = 720
WIDE = {"scaling_bowls": 980}  # figures with many panels beside each other


def svg(data: Any, name: str, language: str) -> str:
    """Return the arrays of a figure as a file of SVG, on white, in a language."""
    words = words_of(language)
    told = data.in_language(words)
    picture = as_svg(draw(told, words), name, told.title, WIDE.get(data.kind, WIDTH))
    head, rest = picture.split(">", 1)
    return f'{head}><rect width="100%" height="100%" fill="white"/>{rest}\n'


def save(data: Any, name: str) -> None:
    """Write a figure in each language into the folder of the page's code."""
    for ending, language in LANGUAGES.items():
        Path(f"{name}{ending}.svg").write_text(svg(data, name, language), encoding="utf-8")
