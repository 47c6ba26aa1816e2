"""Draws the Pareto front, of two objectives or of three."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.columns import Floats, Mask
from tunesmith.visualization.data.pareto_front import ParetoFront
from tunesmith.visualization.figures.style import BLUE, GREY, GRID, PALE, VERMILION, Dict, axis, figure, scatter, text


def draw(data: ParetoFront) -> Dict:
    """Return the figure. Three objectives need the full bundle of plotly.js, for the trace "scatter3d"."""
    flat = len(data.targets) == 2
    kinds: list[tuple[str, Mask, Dict]] = [
        ("dominated", ~data.front & data.feasible, {"color": BLUE, "opacity": 0.35, "size": 5 if flat else 2}),
        ("infeasible", ~data.feasible, {"color": GREY, "symbol": "x", "size": 5 if flat else 2}),
        ("front", data.front, {"color": VERMILION, "size": 7 if flat else 4}),
        ("selected", data.selected, {"color": "black", "symbol": "circle-open", "size": 12 if flat else 7}),
    ]
    traces: list[Dict] = []
    if flat and data.front.any():
        traces.append(_edge(data))
    for word, rows, marker in kinds:
        if rows.any():
            traces.append(_points(data, word, rows, marker))
    names = [f"{text(n)} ({'higher' if up else 'lower'} is better)" for n, up in shown(data)]
    if flat:
        layout: Dict = {"xaxis": axis(), "yaxis": axis()}
        for key, name in zip(("xaxis", "yaxis"), names, strict=True):
            layout[key]["title"]["text"] = name
        return figure(data, traces, layout)
    look = {"backgroundcolor": "white", "gridcolor": GRID, "zerolinecolor": GRID, "showbackground": True}
    scene: Dict = {f"{key}axis": {"title": {"text": n}, **look} for key, n in zip("xyz", names, strict=True)}
    scene["camera"] = {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}}
    layout = {"scene": scene, "height": 650, "margin": {"l": 10, "r": 10, "t": 80, "b": 10}}
    return figure(data, traces, {**layout, "legend": {"itemsizing": "constant"}})


def shown(data: ParetoFront) -> list[tuple[str, bool]]:
    """Return the objectives' names, and whether high is good."""
    return list(zip(data.targets, data.maximize, strict=True))


def staircase(data: ParetoFront) -> tuple[Floats, Floats]:
    """Return the corners (x, y) of the edge of what two objectives' front dominates."""
    points = data.values[data.front]
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    x, y = np.repeat(points[:, 0], 2), np.repeat(points[:, 1], 2)
    # Between two neighbours the edge passes through the corner that is worse in both objectives.
    return (x[1:], y[:-1]) if not data.maximize[0] else (x[:-1], y[1:])


def _edge(data: ParetoFront) -> Dict:
    x, y = staircase(data)
    return scatter(
        short(x), short(y), "edge of the front", mode="lines", line={"color": PALE, "width": 1.5}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def _points(data: ParetoFront, word: str, rows: Mask, marker: Dict) -> Dict:
    columns = [short(c) for c in data.values[rows].T]
    trace = scatter(columns[0], columns[1], word, marker=marker, customdata=data.number[rows].tolist())
    names = [text(n) for n in data.targets]
    hover = "trial %{customdata}" + "".join(f"<br>{n} %{{{key}}}" for n, key in zip(names, "xyz", strict=False))
    trace["hovertemplate"] = hover + "<extra></extra>"
    if len(columns) == 3:
        trace |= {"type": "scatter3d", "z": columns[2]}
    return trace
