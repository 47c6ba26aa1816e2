"""Draws the timeline with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.timeline import Timeline
from tunesmith.visualization.figures.timeline import COLOURS
from tunesmith.visualization.mpl.style import legend, new


def draw(data: Timeline) -> Any:
    """Return the figure: one bar a trial, in the colour of its state."""
    figure, axes = new(data)
    ax = axes[0, 0]
    height = 0.85 if len(data.number) < 200 else 1.0
    for word, colour in COLOURS.items():
        rows = np.array([s == word for s in data.state], bool)
        if rows.any():
            length = (data.end - data.begin)[rows]
            ax.barh(data.number[rows], length, height, left=data.begin[rows], color=colour, label=word, linewidth=0)
    ax.invert_yaxis()
    ax.set(xlabel=f"{data.unit} from {data.start}", ylabel="trial")
    legend(ax)
    return figure
