"""Draws ranks with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.base import number
from tunesmith.visualization.data.rank import SHARES, Rank
from tunesmith.visualization.figures.rank import COLOURS, NAMES
from tunesmith.visualization.mpl.pairs import points, triangle
from tunesmith.visualization.mpl.style import text


def draw(data: Rank) -> Any:
    """Return the figure; blue is good, red is bad, the best trial has a ring."""
    from matplotlib.colors import LinearSegmentedColormap

    figure, panels = triangle(data, data.axes, list(data.panels))
    colours = LinearSegmentedColormap.from_list("rank", list(COLOURS))
    made = None
    for ax, (i, j) in zip(panels, data.panels, strict=True):
        axes = data.axes[i], data.axes[j]
        made = points(ax, axes, data.rank, data.feasible, data.selected, data.best, cmap=colours, vmin=0.0, vmax=1.0)
    if made is not None:
        bar = figure.colorbar(made, ax=panels, label=text(f"rank of {data.target}"), shrink=0.8, aspect=30, pad=0.02)
        ticks = [f"{n} ({number(v)})" for n, v in zip(NAMES, data.scale.tolist(), strict=True)]
        bar.set_ticks(list(SHARES), labels=ticks)
    return figure
