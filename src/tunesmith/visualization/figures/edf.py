"""Draws empirical distribution functions."""

from __future__ import annotations

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.edf import Edf
from tunesmith.visualization.figures.style import SERIES, Dict, axis, figure, scatter


def draw(data: Edf) -> Dict:
    """Return the figure: one step curve a study."""
    traces = [
        scatter(
            [short(c.value)[0], *short(c.value)],  # from 0 on: one value alone is a line as well
            [0.0, *short(c.share)],
            f"{c.name} ({c.n:,})",
            mode="lines",
            line={"shape": "hv", "width": 2, "color": SERIES[i % len(SERIES)]},
        )
        for i, c in enumerate(data.curves)
    ]
    layout = {
        "xaxis": axis(data.target),
        "yaxis": axis("share of trials with at most this", range=[0, 1.02]),
        "showlegend": len(traces) > 1,
    }
    return figure(data, traces, layout)
