"""Draws figures for plotly.js: from the arrays of `tunesmith.visualization.data` to plain dicts, without Plotly.

`draw(data)` returns ``{"data": [...], "layout": {...}}``, which is JSON: a dashboard sends it as it is.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith.visualization.data.base import FigureData


def draw(data: FigureData) -> dict[str, Any]:
    """Return a figure for plotly.js, made of lists, numbers and texts; ``layout.meta`` has its summary.

    Where a point is a trial, its ``customdata`` is the number of the trial, or a list that begins with it.

    Args:
        data: what a function of `tunesmith.visualization.data` returned.
    """
    module = importlib.import_module(f"tunesmith.visualization.figures.{data.kind}")
    figure: dict[str, Any] = module.draw(data)
    return figure
