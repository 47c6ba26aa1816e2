"""Draws the history of the hypervolume with Matplotlib."""

from __future__ import annotations

from typing import Any

from tunesmith.visualization.data.hypervolume_history import HypervolumeHistory
from tunesmith.visualization.figures.style import BLUE
from tunesmith.visualization.mpl.style import new


def draw(data: HypervolumeHistory) -> Any:
    """Return the figure: a rising line."""
    figure, axes = new(data)
    ax = axes[0, 0]
    marker = "o" if len(data.number) < 60 else ""
    ax.step(data.number, data.hypervolume, where="post", color=BLUE, marker=marker, ms=3)
    ax.set(xlabel="trial", ylabel="hypervolume", ylim=(0, None))
    return figure
