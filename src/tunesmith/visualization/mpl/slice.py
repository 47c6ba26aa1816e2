"""Draws slices with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.slice import Slice
from tunesmith.visualization.figures.slice import COLUMNS, heights
from tunesmith.visualization.figures.style import GREY, ORANGE, VERMILION, spread
from tunesmith.visualization.mpl.style import new, parameter, ramp, ring, text


def draw(data: Slice) -> Any:
    """Return the figure; later trials are darker, the best one has a ring."""
    d = len(data.axes)
    columns = min(d, COLUMNS)
    rows = -(-d // columns)
    figure, panels = new(data, rows, columns, (max(2.9 * columns, 5.0) + 0.8, 2.7 * rows + 0.7))
    plain = ~data.pruned & ~data.failed & data.feasible
    value, low, high = heights(data)
    points = None
    for k, ax in enumerate(panels.ravel()):
        if k >= d:
            ax.set_visible(False)
            continue
        parameter(ax, data.axes[k])
        if k:
            ax.sharey(panels[0, 0])
        ax.set_ylim(low, high)
        if k % columns:
            ax.tick_params(labelleft=False)
        else:
            ax.set_ylabel(text(data.target))
        at = spread(data.axes[k])
        points = ax.scatter(
            at[plain], value[plain], s=12, c=data.number[plain], cmap=ramp(), alpha=0.8, linewidths=0,
            vmin=data.number.min(), vmax=data.number.max(),
        )  # fmt: skip
        for subset, marker, colour in (
            (~data.feasible & ~data.failed, "x", GREY),
            (data.pruned & data.feasible, "1", ORANGE),
            (data.failed, "x", VERMILION),
        ):
            ax.scatter(at[subset], value[subset], s=14, marker=marker, color=colour, linewidths=1)
        ring(ax, at[data.selected], value[data.selected], "black", "selected")
        if data.best >= 0:
            ring(ax, at[data.best], value[data.best], VERMILION, "best")
    if points is not None:
        figure.colorbar(points, ax=panels, label="trial", shrink=0.8, aspect=30, pad=0.01)
    return figure
