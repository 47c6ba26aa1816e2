"""Draws ranks: one panel a pair."""

from __future__ import annotations

from tunesmith.visualization.data.base import number, short
from tunesmith.visualization.data.rank import SHARES, Rank
from tunesmith.visualization.figures.contour import show_bar
from tunesmith.visualization.figures.pairs import layout_of, points
from tunesmith.visualization.figures.style import Dict, bar, figure, text

# From the best to the worst: both ends stand out, and what is between does not.
NAMES = ("best", "25 %", "50 %", "75 %", "worst")
COLOURS = ("#08306b", "#4292c6", "#cfcfcf", "#fc8d59", "#b30000")


def draw(data: Rank) -> Dict:
    """Return the figure; blue is good, red is bad, the best trial has a ring."""
    layout, where = layout_of(data.axes, data.panels)
    traces: list[Dict] = []
    scale = [[at, colour] for at, colour in zip(SHARES, COLOURS, strict=True)]
    for (i, j), own in zip(data.panels, where, strict=True):
        marker: Dict = {"color": short(data.rank), "colorscale": scale, "cmin": 0, "cmax": 1, "size": 6}
        marker["line"] = {"color": "white", "width": 0.5}
        marks = (data.feasible, data.selected, data.best)
        traces += points((data.axes[i], data.axes[j]), data.number, data.value, data.target, marker, marks, own)
    ticks = [f"{text(n)} ({number(v)})" for n, v in zip(NAMES, data.scale.tolist(), strict=True)]
    show_bar(traces, bar(f"rank of {data.target}", tickvals=list(SHARES), ticktext=ticks))
    return figure(data, traces, layout)
