"""Draws slices: one panel a parameter."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.columns import Floats
from tunesmith.visualization.data.slice import Slice
from tunesmith.visualization.figures.style import (
    GREY,
    ORANGE,
    SCALE,
    VERMILION,
    Dict,
    bar,
    figure,
    parameter_panels,
    scatter,
    spread,
    strip,
    text,
)


def draw(data: Slice) -> Dict:
    """Return the figure; later trials are darker, the best one has a ring."""
    value, low, high = heights(data)
    layout, places = parameter_panels(data.axes, data.target, (low, high))
    layout |= {"shapes": [], "annotations": [], "showlegend": False}
    layout["height"] += 130
    traces: list[Dict] = []
    for k, (of, place) in enumerate(zip(data.axes, places, strict=True)):
        shapes, names = strip(of, place["xaxis"], place["yaxis"])
        layout["shapes"] += shapes
        layout["annotations"] += names
        traces += _panel(data, k, value, place)
    first = next((t for t in traces if "colorscale" in t["marker"]), None)
    if first is not None:
        first["marker"] |= {"showscale": True, "colorbar": bar("trial")}
    return figure(data, traces, layout)


def heights(data: Slice) -> tuple[Floats, float, float]:
    """Return where points are drawn [k], failed ones below all others, and the ends of the axis."""
    low, high = data.ends
    span = (high - low) or abs(high) or 1.0
    failed = bool(data.failed.any())
    value = np.where(data.failed, low - 0.08 * span, np.clip(data.value, low, high))
    return value, low - (0.14 if failed else 0.05) * span, high + 0.05 * span


def _panel(data: Slice, k: int, value: Floats, where: Dict) -> list[Dict]:
    at, number = spread(data.axes[k]), data.number
    hover = f"trial %{{customdata[0]}}<br>{text(data.axes[k].name)} %{{customdata[1]}}<br>{text(data.target)} "
    about = [
        [number, text(data.axes[k].text(i), 40), "failed" if data.failed[i] else f"{data.value[i]:.6g}"]
        for i, number in enumerate(data.number.tolist())
    ]
    plain = ~data.pruned & ~data.failed & data.feasible
    ramp = {"color": number[plain].tolist(), "colorscale": SCALE, "reversescale": True, "size": 5, "opacity": 0.8}
    if plain.any():
        ramp |= {"cmin": int(number.min()), "cmax": max(int(number.max()), int(number.min()) + 1)}
    best = np.arange(len(number)) == data.best
    ring = {"color": "rgba(0,0,0,0)", "size": 13}
    kinds = [
        ("trials", plain, ramp),
        ("infeasible", ~data.feasible & ~data.failed, {"color": GREY, "size": 5, "symbol": "x"}),
        ("pruned", data.pruned & data.feasible, {"color": ORANGE, "size": 5, "symbol": "circle-open"}),
        ("failed", data.failed, {"color": VERMILION, "size": 6, "symbol": "x"}),
        ("selected", data.selected, {**ring, "line": {"color": "black", "width": 2}}),
        ("best", best, {**ring, "line": {"color": VERMILION, "width": 2.5}}),
    ]
    return [
        scatter(
            short(at[rows]),
            short(value[rows]),
            word,
            marker=marker,
            customdata=[about[i] for i in np.flatnonzero(rows)],
            hovertemplate=hover + "%{customdata[2]}<extra></extra>",
            **where,
        )
        for word, rows, marker in kinds
        if rows.any()
    ]
