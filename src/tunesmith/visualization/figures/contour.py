"""Draws contours: one panel a pair."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.contour import Contour
from tunesmith.visualization.figures.pairs import layout_of, points
from tunesmith.visualization.figures.style import SCALE, Dict, bar, figure


def draw(data: Contour) -> Dict:
    """Return the figure; dark is good, the best trial has a ring."""
    layout, where = layout_of(data.axes, [p.along for p in data.panels])
    low, high = limits(data)
    colours = {"colorscale": SCALE, "reversescale": data.maximize}
    traces: list[Dict] = []
    colour = np.clip(data.value, low, high)
    for panel, own in zip(data.panels, where, strict=True):
        if panel.expected.size:
            kind = "contour" if "category" not in {data.axes[a].kind for a in panel.along} else "heatmap"
            traces.append(
                {
                    "type": kind, "x": short(panel.x), "y": short(panel.y), "z": [short(r) for r in panel.expected],
                    **colours, "zmin": low, "zmax": high, "showscale": False, "hoverinfo": "skip", "opacity": 0.75,
                    **({"line": {"width": 0.5, "color": "white"}, "ncontours": 14} if kind == "contour" else {}),
                    **own,
                }
            )  # fmt: skip
        marker: Dict = {**colours, "color": short(colour), "cmin": low, "cmax": high, "size": 7}
        marker["line"] = {"color": "white", "width": 1}
        traces += points(
            (data.axes[panel.along[0]], data.axes[panel.along[1]]),
            data.number,
            data.value,
            data.target,
            marker,
            (data.feasible, data.selected, data.best),
            own,
        )
    show_bar(traces, bar(data.target))
    return figure(data, traces, layout)


def limits(data: Contour) -> tuple[float, float]:
    """Return the ends of the scale of colours: from the best that is expected or seen to a bad but common value.

    What is worse than 85 % of the trials has the colour of the bad end, so that a few bad trials leave colours to the
    others.
    """
    sign = -1.0 if data.maximize else 1.0
    known = [sign * p.expected for p in data.panels if p.expected.size]
    low = min(float(e.min()) for e in [*known, sign * data.value])
    high = float(np.quantile(sign * data.value, 0.85))
    if not high > low:
        high = max(float(e.max()) for e in [*known, sign * data.value, np.array([low + 1.0])])
    return (low, high) if not data.maximize else (-high, -low)


def show_bar(traces: list[Dict], scale: Dict) -> None:
    """Let the first trace of feasible trials show the scale of colours."""
    first = next((t for t in traces if isinstance(t.get("marker", {}).get("color"), list)), None)
    if first is not None:
        first["marker"] |= {"showscale": True, "colorbar": scale}
