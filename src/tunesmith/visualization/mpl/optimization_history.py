"""Draws the history of a search with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.optimization_history import HistorySeries, OptimizationHistory
from tunesmith.visualization.figures.style import GREY, ORANGE, SERIES, VERMILION
from tunesmith.visualization.mpl.style import legend, new, ring, text


def draw(data: OptimizationHistory) -> Any:
    """Return the figure."""
    figure, axes = new(data)
    ax = axes[0, 0]
    ax.set(xlabel="trial", ylabel=text(data.target))
    if data.means is not None:
        m = data.means
        for name, mean, sd, colour in (
            (f"mean {data.target} ± sd", m.mean, m.sd, SERIES[0]),
            ("mean of the best so far ± sd", m.best_mean, m.best_sd, SERIES[1]),
        ):
            ax.plot(m.number, mean, color=colour, label=text(name, 60))
            ax.fill_between(m.number, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)
    else:
        for i, s in enumerate(data.series):
            _series(ax, s, SERIES[i % len(SERIES)] if len(data.series) > 1 else None, data.ends)
        low, high = data.ends
        span = (high - low) or abs(high) or 1.0
        ax.set_ylim(low - 0.07 * span, high + 0.05 * span)
    legend(ax)
    return figure


def _series(ax: Any, s: HistorySeries, colour: str | None, ends: tuple[float, float]) -> None:
    value = np.clip(s.value, *ends)
    name = "" if colour is None else f"{text(s.name, 60)}: "
    plain = ~s.pruned & s.feasible
    word = "trials" if colour is None else text(s.name, 60)
    ax.scatter(s.number[plain], value[plain], s=12, color=colour or SERIES[0], alpha=0.55, linewidths=0, label=word)
    for rows, word, marker, hue in (
        (~s.pruned & ~s.feasible, "infeasible", "x", GREY),
        (s.pruned, "pruned, last report", "1", ORANGE),
    ):
        if rows.any():
            ax.scatter(s.number[rows], value[rows], s=16, color=hue, marker=marker, linewidths=1, label=name + word)
    if len(s.step_number):
        ax.step(
            s.step_number,
            s.step_value,
            where="post",
            color=colour or VERMILION,
            label=None if colour else "best so far",
        )
    if len(s.failed):
        at = np.full(len(s.failed), 0.02)
        ax.plot(s.failed, at, "x", color=VERMILION, ms=4, transform=ax.get_xaxis_transform(), label=f"{name}failed")
    ring(ax, s.number[s.selected], value[s.selected], "black", f"{name}selected")
