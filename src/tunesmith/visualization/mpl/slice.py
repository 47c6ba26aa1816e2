"""Draws slices with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.slice import Slice
from tunesmith.visualization.figures.slice import heights
from tunesmith.visualization.figures.style import GREY, ORANGE, VERMILION, spread
from tunesmith.visualization.mpl.style import parameter_panels, ramp, ring


def draw(data: Slice) -> Any:
    """Return the figure; later trials are darker, the best one has a ring."""

    def size(rows: int, columns: int) -> tuple[float, float]:
        return max(2.9 * columns, 5.0) + 0.8, 2.7 * rows + 0.7

    plain = ~data.pruned & ~data.failed & data.feasible
    value, low, high = heights(data)
    figure, panels = parameter_panels(data, data.axes, data.target, (low, high), size)
    points = None
    for ax, of in zip(panels.ravel(), data.axes, strict=False):
        at = spread(of)
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
