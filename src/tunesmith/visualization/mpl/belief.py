"""Draws the belief of a model with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.belief import BeliefFigure
from tunesmith.visualization.figures.belief import HALF, dashes
from tunesmith.visualization.figures.style import BLUE, GREEN, GREY, INK, VERMILION, spread
from tunesmith.visualization.mpl.style import parameter_panels, ring


def draw(data: BeliefFigure) -> Any:
    """Return the figure: the mean as a line, the band around it, trials as points, the next trial as a dotted line."""

    def size(rows: int, columns: int) -> tuple[float, float]:
        return max(2.9 * columns, 8.5), 2.7 * rows + 1.1

    figure, axes = parameter_panels(data, [panel.axis for panel in data.panels], data.target, data.ends, size)
    for ax, panel in zip(axes.ravel(), data.panels, strict=False):
        at, mean = panel.at, panel.mean
        if panel.axis.kind == "category":
            ax.bar(
                at, panel.high - panel.low, 2 * HALF, panel.low, color=BLUE, alpha=0.18, linewidth=0, label="95 % band"
            )
            at, mean = dashes(at, mean)
        else:
            ax.fill_between(at, panel.low, panel.high, color=BLUE, alpha=0.18, linewidth=0, label="95 % band")
        ax.plot(at, mean, color=BLUE, linewidth=1.8, label="expected")
        points, value = spread(panel.axis), np.clip(panel.value, *data.ends)
        for rows_of, marker, colour, word in (
            (panel.feasible, "o", INK, "trials"),
            (~panel.feasible, "x", GREY, "infeasible"),
        ):
            if rows_of.any():
                ax.scatter(points[rows_of], value[rows_of], s=9, marker=marker, color=colour, alpha=0.55, label=word)
        ax.axvline(panel.at[panel.next], color=GREEN, linewidth=1.5, linestyle=":", label="most expected improvement")
        if panel.best >= 0:
            ring(ax, points[panel.best], value[panel.best], VERMILION, "best")
    handles = {name: h for ax in axes.ravel() for h, name in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=6, fontsize=8, frameon=False)
    return figure
