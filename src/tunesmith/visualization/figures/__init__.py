"""Draws figures for plotly.js: from the arrays of `tunesmith.visualization.data` to plain dicts, without Plotly.

`draw(data)` returns ``{"data": [...], "layout": {...}}``, which is JSON: a dashboard sends it as it is.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith.languages import Words
from tunesmith.visualization.data.base import FigureData


def draw(data: FigureData, words: Words | None = None) -> dict[str, Any]:
    """Return a figure for plotly.js, made of lists, numbers and texts; ``layout.meta`` has its summary.

    Where a point is a trial, its ``customdata`` is the number of the trial, or a list that begins with it.

    Args:
        data: what a function of `tunesmith.visualization.data` returned.
        words: the language of axes and legends; None: English.

    Returns:
        the figure.
    """
    module = importlib.import_module(f"tunesmith.visualization.figures.{data.kind}")
    figure: dict[str, Any] = module.draw(data)
    if words is not None:
        for trace in figure["data"]:
            if "name" in trace:
                trace["name"] = words.translate(trace["name"])
        for name, axis in figure["layout"].items():
            if name.startswith(("xaxis", "yaxis")) and axis.get("title", {}).get("text"):
                axis["title"]["text"] = words.translate(axis["title"]["text"])
    return figure
