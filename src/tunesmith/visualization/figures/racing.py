"""Draws a race: the score on each fold that was run, and the fits so far."""

from __future__ import annotations

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.racing import Racing
from tunesmith.visualization.figures.style import BLUE, GREY, SCALE, VERMILION, Dict, axis, bar, figure, scatter


def draw(data: Racing) -> Dict:
    """Return the figure: scores above (white: not run), fits below."""
    x, folds = data.candidate.tolist(), len(data.scores)
    cells: Dict = {
        "type": "heatmap", "x": x, "y": list(range(1, folds + 1)), "z": [short(row) for row in data.scores],
        "colorscale": SCALE, "reversescale": True, "xgap": 1 if len(x) < 200 else 0, "ygap": 1,
        "colorbar": bar(data.metric, len=0.5, y=0.78),
        "hovertemplate": f"candidate %{{x}}<br>fold %{{y}}<br>{data.metric} %{{z}}<extra></extra>",
    }  # fmt: skip
    own = {"xaxis": "x", "yaxis": "y2"}
    without = {"color": GREY, "dash": "dash"}
    traces = [
        cells,
        scatter(x, data.fits_without.tolist(), "fits without racing", mode="lines", line=without, **own),
        scatter(x, data.fits.tolist(), "fits made", mode="lines", line={"color": BLUE, "width": 2}, **own),
    ]
    layout: Dict = {
        "xaxis": axis("candidate", anchor="y2"),
        "yaxis": axis("fold", domain=[0.55, 1.0], dtick=max(1, folds // 10)),
        "yaxis2": axis("fits", domain=[0.0, 0.42], rangemode="tozero"),
        "legend": {"x": 0.02, "y": 0.4, "bgcolor": "rgba(255,255,255,0.7)"},
        "height": 560,
    }
    if data.best >= 0:
        ring = {"color": VERMILION, "symbol": "triangle-down", "size": 11}
        traces.append(scatter([x[data.best]], [folds + 0.72], "returned", marker=ring, cliponaxis=False))
    layout["yaxis"]["range"] = [0.5, folds + 0.95]
    return figure(data, traces, layout)
