"""Draws the honest score with Matplotlib."""

from __future__ import annotations

import math
from typing import Any

from tunesmith.visualization.data.honest_score import HonestScoreFigure
from tunesmith.visualization.figures.honest_score import colour_of, limits, number_format
from tunesmith.visualization.mpl.style import new, text


def draw(data: HonestScoreFigure) -> Any:
    """Return the figure: one row a score, the honest one with its interval."""
    n = len(data.marks)
    figure, axes = new(data, size=(8.0, 1.3 + 0.75 * n))
    ax, form = axes[0, 0], number_format(data)
    for row, mark in zip(reversed(range(n)), data.marks, strict=True):
        low, high = mark.interval
        colour, words = colour_of(mark.name), form.write(mark.value)
        if not math.isnan(low):
            ax.plot([low, high], [row, row], color=colour, linewidth=3, marker="|", ms=12)
            words += f" ({form.between((low, high))})"
        ax.plot([mark.value], [row], "o", color=colour, ms=9)
        ax.annotate(words, (mark.value, row), (0, 9), textcoords="offset points", ha="center", fontsize=9)
    ax.set_yticks(list(reversed(range(n))), [text(m.name, 60) for m in data.marks])
    better = "higher" if data.greater_is_better else "lower"
    ax.set(ylim=(-0.5, n - 0.3), xlim=limits(data), xlabel=f"{text(data.metric, 60)} ({better} is better)")
    ax.grid(visible=False, axis="y")
    return figure
