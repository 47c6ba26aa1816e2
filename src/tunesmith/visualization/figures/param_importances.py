"""Draws importances."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.param_importances import ParamImportances
from tunesmith.visualization.figures.style import BLUE, GREY, PURPLE, Dict, axis, figure, text


def draw(data: ParamImportances) -> Dict:
    """Return the figure: one bar a parameter with its interval, and its null line in grey."""
    n = len(data.names)
    rows = np.arange(n)[::-1]
    traces: list[Dict] = []
    for word, own, colour in (("parameter", ~data.pair, BLUE), ("pair", data.pair, PURPLE)):
        if own.any():
            value = data.value[own]
            error = {"type": "data", "symmetric": False, "color": "#444444", "thickness": 1.2, "width": 3}
            error |= {"array": short(data.high[own] - value), "arrayminus": short(value - data.low[own])}
            traces.append(
                {
                    "type": "bar", "orientation": "h", "name": word, "y": rows[own].tolist(), "x": short(value),
                    "width": 0.62, "marker": {"color": colour, "opacity": 0.85}, "error_x": error,
                    "customdata": [text(n, 80) for n, k in zip(data.names, own, strict=True) if k],
                    "hovertemplate": "%{customdata}: %{x:.4g}<extra></extra>",
                }
            )  # fmt: skip
    known = np.isfinite(data.null)
    if known.any():
        x, y = np.repeat(data.null[known], 3), np.repeat(rows[known].astype(float), 3)
        y += np.tile([-0.42, 0.42, 0.0], int(known.sum()))
        lines: Dict = {"type": "scatter", "mode": "lines", "name": "what noise reaches", "hoverinfo": "skip"}
        gaps = [None if i % 3 == 2 else v for i, v in enumerate(short(x))]
        traces.append({**lines, "x": gaps, "y": short(y), "line": {"color": GREY, "width": 2.5}})
    layout: Dict = {
        "xaxis": axis("", zeroline=True, zerolinecolor="#b0b0b0"),
        "yaxis": axis("", tickvals=rows.tolist(), ticktext=[text(name) for name in data.names]),
        "height": 180 + max(26 * n, 120),
        "barmode": "overlay",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
    }
    layout["xaxis"]["title"]["text"] = text(data.unit, 110)
    ends = np.concatenate([data.low, data.high, data.null, data.value, [0.0]])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    pad = 0.04 * (high - low) or 1.0
    layout["xaxis"]["range"] = [low - pad, high + pad]
    layout["yaxis"] |= {"range": [-0.7, n - 0.3], "showgrid": False}
    return figure(data, traces, layout)
