"""Draws parallel coordinates with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.axes import round_values
from tunesmith.visualization.data.parallel_coordinate import ParallelCoordinate
from tunesmith.visualization.figures.style import GREY, PALE, TICK, spread
from tunesmith.visualization.mpl.style import new, ramp, text


def draw(data: ParallelCoordinate) -> Any:
    """Return the figure; dark is good, selected trials are black."""
    from matplotlib.collections import LineCollection

    d = len(data.axes) + 1
    figure, axes = new(data, size=(max(8.0, 1.25 * d + 1.5), 5.0))
    ax = axes[0, 0]
    low, high = float(data.value.min()), float(data.value.max())
    span = (high - low) or 1.0
    heights = np.column_stack([(data.value - low) / span, *(a.scaled(spread(a)) for a in data.axes)])
    lines = np.stack([np.broadcast_to(np.arange(d), heights.shape), heights], axis=2)
    colours = ramp() if data.maximize else ramp().reversed()
    made = LineCollection(list(lines), cmap=colours, linewidths=0.7, alpha=0.7)
    made.set_array(data.value)
    ax.add_collection(made)
    for rows, colour in ((data.selected, "black"), (np.arange(len(data.value)) == data.best, "#d55e00")):
        ax.add_collection(LineCollection(list(lines[rows]), colors=colour, linewidths=1.8))
    _ticks(ax, 0, (np.array(round_values(low, low + span, 5)) - low) / span, round_values(low, low + span, 5))
    for k, of in enumerate(data.axes, 1):
        at, names = of.ticks(5)
        _ticks(ax, k, of.scaled(np.array(at)), names)
        if of.has_strip:
            _ticks(ax, k, of.scaled(np.array([of.strip])), [of.strip_name])
    bottom = min([0.0, *(float(a.scaled(np.array(a.strip))) for a in data.axes if a.has_strip)])
    ax.set(xlim=(-0.6, d - 0.8), ylim=(bottom - 0.05, 1.05), yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(visible=False)
    names = [text(n, 24) for n in (data.target, *(a.name for a in data.axes))]
    ax.set_xticks(range(d), names, rotation=20 if d > 4 else 0, ha="right" if d > 4 else "center", fontsize=8)
    ax.tick_params(length=0)
    figure.colorbar(made, ax=ax, label=text(data.target), shrink=0.8, aspect=30, pad=0.01)
    return figure


def _ticks(ax: Any, k: int, heights: Any, names: Any) -> None:
    """Draw an axis with its ticks."""
    ax.axvline(k, color=PALE, linewidth=1, zorder=0)
    for height, name in zip(heights, names, strict=True):
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
        word = text(f"{name:.6g}" if isinstance(name, float) else name, TICK)
        ax.text(k - 0.04, height, word, ha="right", va="center", fontsize=7, color="#444444", bbox=box)
        ax.plot([k - 0.02, k], [height] * 2, color=GREY, linewidth=0.8)
