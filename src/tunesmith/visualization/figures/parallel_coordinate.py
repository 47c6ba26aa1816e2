"""Draws parallel coordinates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunesmith.visualization.data.axes import Axis, round_values
from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.parallel_coordinate import ParallelCoordinate
from tunesmith.visualization.figures.style import SCALE, TICK, Dict, bar, figure, spread, text

NAME = 18  # characters of an axis's name, at most


def draw(data: ParallelCoordinate) -> Dict:
    """Return the figure; dark is good. It needs the full bundle of plotly.js, for the trace "parcoords"."""
    finite = data.value
    low, high = float(finite.min()), float(finite.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    ticks = round_values(low, high, 6)
    first: Dict = {"label": text(data.target, NAME), "values": short(data.value), "range": [low, high]}
    first |= {"tickvals": ticks, "ticktext": [f"{v:.6g}" for v in ticks]}
    line = {"color": short(data.value), "colorscale": SCALE, "reversescale": data.maximize, "cmin": low, "cmax": high}
    trace: Dict = {
        "type": "parcoords",
        "dimensions": [first, *(_dimension(a) for a in data.axes)],
        "line": {**line, "showscale": True, "colorbar": bar(data.target)},
        "customdata": data.number.tolist(),
        "labelangle": -20 if len(data.axes) > 4 else 0,
        "labelfont": {"size": 12},
        "tickfont": {"size": 10},
        "unselected": {"line": {"opacity": 0.06}},
    }
    layout = {"margin": {"l": 80, "r": 60, "t": 150 if len(data.axes) > 4 else 120, "b": 40}, "height": 560}
    return figure(data, [trace], layout)


def _dimension(of: Axis) -> Dict:
    """Return one axis: of a logarithmic one the logarithm, with the inactive trials below all others."""
    at, names = of.ticks(5)
    values, ends = spread(of), [of.low, of.high]
    if of.has_strip:
        at, names, ends = [of.strip, *at], [of.strip_name, *names], [of.strip, of.high]
        values = np.where(np.isnan(of.at), of.strip, values)
    if of.kind == "category":
        ends = [(of.strip if of.has_strip else of.low), of.high]
    if of.kind == "log":
        values, at, ends = np.log10(values), [math.log10(v) for v in at], [math.log10(v) for v in ends]
    made: dict[str, Any] = {"label": text(of.name, NAME), "values": short(values), "range": ends}
    return {**made, "tickvals": at, "ticktext": [text(n, TICK) for n in names]}
