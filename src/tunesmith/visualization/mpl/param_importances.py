"""Draws importances with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.param_importances import ParamImportances
from tunesmith.visualization.figures.style import BLUE, GREY, PURPLE
from tunesmith.visualization.mpl.style import legend, new, text


def draw(data: ParamImportances) -> Any:
    """Return the figure: one bar a parameter with its interval, and its null line in grey."""
    n = len(data.names)
    figure, axes = new(data, size=(8.0, 1.6 + max(0.28 * n, 1.0)))
    ax, rows = axes[0, 0], np.arange(n)[::-1]
    for word, own, colour in (("parameter", ~data.pair, BLUE), ("pair", data.pair, PURPLE)):
        if own.any():
            ax.barh(rows[own], data.value[own], 0.62, color=colour, alpha=0.85, label=word)
    ax.hlines(rows, data.low, data.high, color="#444444", linewidth=1.2)
    known = np.isfinite(data.null)
    if known.any():
        ends = rows[known] - 0.42, rows[known] + 0.42
        ax.vlines(data.null[known], *ends, color=GREY, linewidth=2, label="what noise reaches")
    ax.axvline(0.0, color="#b0b0b0", linewidth=1)
    ax.set_yticks(rows, [text(name) for name in data.names], fontsize=8)
    ax.set(ylim=(-0.7, n - 0.3), xlabel=text(data.unit, 110))
    ax.grid(visible=False, axis="y")
    legend(ax, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    return figure
