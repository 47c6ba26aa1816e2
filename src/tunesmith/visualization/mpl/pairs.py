"""Panels of pairs with Matplotlib: a triangle of them, or a square, with the trials on each."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.axes import Axis
from tunesmith.visualization.data.base import FigureData
from tunesmith.visualization.data.columns import Floats, Mask
from tunesmith.visualization.figures.style import GREY, VERMILION, spread
from tunesmith.visualization.mpl.style import new, parameter, ring


def triangle(data: FigureData, axes: tuple[Axis, ...], along: list[tuple[int, int]]) -> tuple[Any, list[Any]]:
    """Return a figure, and the axes of each panel, set up for its two parameters.

    Args:
        data: what is drawn.
        axes: the parameters.
        along: the panels, as places (along x, along y) among them; with pairs in both orders it is a whole square.
    """
    d = len(axes)
    whole = any(i > j for i, j in along)
    side = d if whole else d - 1
    size = (7.5, 5.5) if side == 1 else (2.4 * side + 1.6, 2.2 * side + 0.9)
    figure, panels = new(data, side, side, size)
    used = []
    for i, j in along:
        ax = panels[j if whole else j - 1, i]
        lowest, first = j == (d - 2 if i == d - 1 else d - 1), i == (1 if j == 0 else 0)
        parameter(ax, axes[i], "x", lowest)
        parameter(ax, axes[j], "y", first)
        ax.tick_params(labelbottom=lowest, labelleft=first)
        used.append(ax)
    for ax in panels.ravel():
        if not any(ax is own for own in used):
            ax.set_visible(False)
    return figure, used


def points(
    ax: Any, axes: tuple[Axis, Axis], colour: Floats, feasible: Mask, selected: Mask, best: int, **look: Any
) -> Any:
    """Draw the trials of a panel, and return what the scale of colours belongs to.

    Args:
        ax: the panel.
        axes: along x and along y.
        colour: of the trials [k].
        feasible: which violate no constraint [k].
        selected: which somebody asked for [k].
        best: the place of the best one, or -1.
        **look: the colour map and its ends.
    """
    x, y = spread(axes[0]), spread(axes[1], "y")
    made = ax.scatter(
        x[feasible], y[feasible], c=colour[feasible], s=16, edgecolors="white", linewidths=0.4, zorder=3, **look
    )
    ax.scatter(x[~feasible], y[~feasible], s=14, marker="x", color=GREY, linewidths=1, zorder=3)
    ring(ax, x[selected], y[selected], "black", "selected")
    if best >= 0:
        ring(ax, x[best], y[best], VERMILION, "best")
    return made
