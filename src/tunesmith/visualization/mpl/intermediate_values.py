"""Draws learning curves with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.intermediate_values import IntermediateValues
from tunesmith.visualization.figures.intermediate_values import look
from tunesmith.visualization.mpl.style import legend, new, text


def draw(data: IntermediateValues) -> Any:
    """Return the figure: one curve a trial, in the colour of its state."""
    figure, axes = new(data)
    ax = axes[0, 0]
    ax.set(xlabel="step", ylabel=text(data.target))
    for c in data.curves:
        word, colour, thick = look(c, data.best)
        ax.plot(
            c.step, c.value, color=colour, label=word, marker="o" if len(c.step) == 1 else "", ms=3,
            linewidth=2.2 if thick else 0.8, alpha=1.0 if thick else 0.55, zorder=4 if thick else 2,
        )  # fmt: skip
    legend(ax)
    return figure
