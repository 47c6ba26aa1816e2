"""Draws what is left to gain."""

from __future__ import annotations

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.terminator_improvement import TerminatorImprovement
from tunesmith.visualization.figures.style import BLUE, VERMILION, Dict, axis, figure, scatter


def draw(data: TerminatorImprovement) -> Dict:
    """Return the figure: the gain that is left, and the noise below which it does not count."""
    x = data.number.tolist()
    traces = [scatter(x, short(data.gap), "left to gain, at most", mode="lines+markers", line={"color": BLUE})]
    if data.plot_error:
        line = {"color": VERMILION, "dash": "dash"}
        traces.append(scatter(x, short(data.noise), "noise of one result", mode="lines+markers", line=line))
    layout = {
        "xaxis": axis("trials"),
        "yaxis": axis(f"gain of {data.target}", rangemode="tozero"),
        "showlegend": True,
    }
    return figure(data, traces, layout)
