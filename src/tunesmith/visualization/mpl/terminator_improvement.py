"""Draws what is left to gain with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.terminator_improvement import TerminatorImprovement
from tunesmith.visualization.figures.style import BLUE, VERMILION
from tunesmith.visualization.mpl.style import legend, new, text


def draw(data: TerminatorImprovement) -> Any:
    """Return the figure: the gain that is left, and the noise below which it does not count."""
    figure, axes = new(data)
    ax = axes[0, 0]
    ax.plot(data.number, data.gap, color=BLUE, marker="o", ms=4, label="left to gain, at most")
    if data.plot_error:
        ax.plot(data.number, data.noise, "--", color=VERMILION, marker="o", ms=4, label="noise of one result")
    ax.set(xlabel="trials", ylabel=text(f"gain of {data.target}", 60), ylim=(0, None))
    legend(ax)
    return figure
