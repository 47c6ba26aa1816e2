"""Draws empirical distribution functions with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.edf import Edf
from tunesmith.visualization.figures.style import SERIES
from tunesmith.visualization.mpl.style import legend, new, text


def draw(data: Edf) -> Any:
    """Return the figure: one step curve a study."""
    figure, axes = new(data)
    ax = axes[0, 0]
    ax.set(xlabel=text(data.target), ylabel="share of trials with at most this", ylim=(0, 1.02))
    for i, c in enumerate(data.curves):
        name = f"{text(c.name, 60)} ({c.n:,})"
        ax.step(
            np.append(c.value[:1], c.value),
            np.append(0.0, c.share),
            where="post",
            color=SERIES[i % len(SERIES)],
            label=name,
        )
    legend(ax)
    return figure
