"""Draws the history of the hypervolume."""

from __future__ import annotations

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.hypervolume_history import HypervolumeHistory
from tunesmith.visualization.figures.style import BLUE, Dict, axis, figure, scatter


def draw(data: HypervolumeHistory) -> Dict:
    """Return the figure: a rising line."""
    line = {"shape": "hv", "color": BLUE, "width": 2}
    mode = "lines+markers" if len(data.number) < 60 else "lines"
    trace = scatter(data.number.tolist(), short(data.hypervolume), "hypervolume", mode=mode, line=line)
    layout = {"xaxis": axis("trial"), "yaxis": axis("hypervolume", rangemode="tozero"), "showlegend": False}
    return figure(data, [trace], layout)
