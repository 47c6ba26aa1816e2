"""Draws the ablation path."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.ablation import AblationPath
from tunesmith.visualization.data.base import short
from tunesmith.visualization.figures.style import BLUE, Dict, axis, figure, scatter, text


def draw(data: AblationPath) -> Dict:
    """Return the figure: what is expected after each step, from the default at the top to the best one."""
    n = len(data.steps)
    rows = list(range(n))[::-1]
    known = np.isfinite(data.low)
    above = np.where(known, data.high - data.expected, 0.0)
    below = np.where(known, data.expected - data.low, 0.0)
    error = {"type": "data", "symmetric": False, "array": short(above), "arrayminus": short(below), "width": 4}
    trace = scatter(
        short(data.expected), rows, "expected", mode="lines+markers", marker={"color": BLUE, "size": 10},
        line={"color": BLUE, "width": 1.5, "shape": "hv"}, error_x={**error, "color": "#666666", "thickness": 1.2},
        customdata=[text(s, 120) for s in data.steps], hovertemplate="%{customdata}<br>%{x:.5g}<extra></extra>",
    )  # fmt: skip
    better = "higher" if data.maximize else "lower"
    layout: Dict = {
        "xaxis": axis(""),
        "yaxis": axis("", tickvals=rows, ticktext=[text(s, 44) for s in data.steps]),
        "showlegend": False,
        "height": 180 + max(34 * n, 120),
    }
    layout["xaxis"]["title"]["text"] = f"expected {text(data.target)} ({better} is better)"
    layout["yaxis"] |= {"range": [-0.6, n - 0.4]}
    return figure(data, [trace], layout)
