"""The figures, one a file: arrays, their drawing, and the ``plot_*`` that users call."""

from __future__ import annotations

from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import Words
from tunesmith.visualization.figure import FigureData, translated


@checked()
def draw(data: FigureData, words: Words | None = None) -> dict[str, Any]:
    """Return a figure for plotly.js, made of lists, numbers and texts; ``layout.meta`` has its summary.

    Where a point is a trial, its ``customdata`` is the number of the trial, or a list that begins with it.

    Args:
        data: what a ``plot_*`` returned with ``backend="arrays"``.
        words: the language of axes and legends; None: English.

    Returns:
        ``{"data": [...], "layout": {...}}``, which is JSON: a page can be sent it as it is, without Plotly.
    """
    figure = data.by_plotly()
    return figure if words is None else translated(figure, words)
