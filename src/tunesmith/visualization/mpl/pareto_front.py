"""Draws the Pareto front with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.pareto_front import ParetoFront
from tunesmith.visualization.figures.pareto_front import shown, staircase
from tunesmith.visualization.figures.style import BLUE, GREY, PALE, VERMILION
from tunesmith.visualization.mpl.style import legend, new, ring, text


def draw(data: ParetoFront) -> Any:
    """Return the figure, of two objectives or of three."""
    flat = len(data.targets) == 2
    figure, axes = new(data, size=(7.5, 5.0) if flat else (7.5, 6.0))
    ax = axes[0, 0]
    if not flat:
        ax.remove()
        ax = figure.add_subplot(projection="3d")
    for word, rows, look in (
        ("dominated", ~data.front & data.feasible, {"color": BLUE, "alpha": 0.35, "s": 12, "linewidths": 0}),
        ("infeasible", ~data.feasible, {"color": GREY, "marker": "x", "s": 12, "linewidths": 1}),
        ("front", data.front, {"color": VERMILION, "s": 26, "linewidths": 0}),
    ):
        if rows.any():
            ax.scatter(*data.values[rows].T, label=word, **look)
    if flat:
        if data.front.any():
            ax.plot(*staircase(data), color=PALE, zorder=0)
        ring(ax, data.values[data.selected, 0], data.values[data.selected, 1], "black", "selected")
    elif data.selected.any():
        ax.scatter(*data.values[data.selected].T, s=60, facecolors="none", edgecolors="black", label="selected")
    for key, (name, up) in zip("xyz", shown(data), strict=False):
        getattr(ax, f"set_{key}label")(f"{text(name)} ({'higher' if up else 'lower'} is better)", fontsize=9)
    legend(ax)
    return figure
