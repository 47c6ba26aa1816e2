"""Draws the ablation path with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.ablation import AblationPath
from tunesmith.visualization.figures.style import BLUE
from tunesmith.visualization.mpl.style import new, text


def draw(data: AblationPath) -> Any:
    """Return the figure: what is expected after each step, from the default at the top to the best one."""
    n = len(data.steps)
    figure, axes = new(data, size=(8.0, 1.4 + max(0.36 * n, 1.2)))
    ax, rows = axes[0, 0], np.arange(n)[::-1]
    known = np.isfinite(data.low)
    ax.hlines(rows[known], data.low[known], data.high[known], color="#666666", linewidth=1.2)
    ax.plot(data.expected, rows, color=BLUE, marker="o", ms=7, linewidth=1.5)
    ax.set_yticks(rows, [text(s, 44) for s in data.steps], fontsize=8)
    better = "higher" if data.maximize else "lower"
    ax.set(ylim=(-0.6, n - 0.4), xlabel=f"expected {text(data.target, 60)} ({better} is better)")
    return figure
