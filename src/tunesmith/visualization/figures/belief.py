"""Draws the belief of a model: one panel a parameter."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.belief import BeliefFigure, BeliefPanel
from tunesmith.visualization.data.columns import Floats
from tunesmith.visualization.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    VERMILION,
    Dict,
    figure,
    parameter_panels,
    scatter,
    spread,
    text,
)

BAND = "rgba(0,114,178,0.18)"
HALF = 0.32  # of a category: half the width of its bar


def draw(data: BeliefFigure) -> Dict:
    """Return the figure: the mean as a line, the band around it, trials as points, the next trial as a dotted line."""
    below: Dict = {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0}
    layout, places = parameter_panels([panel.axis for panel in data.panels], data.target, data.ends)
    layout |= {"legend": below, "margin": {"l": 70, "r": 30, "t": 90, "b": 100}}
    layout["height"] += 165
    traces: list[Dict] = []
    for k, (panel, place) in enumerate(zip(data.panels, places, strict=True)):
        traces += [{**place, **t} for t in _panel(data, panel, first=k == 0)]
    return figure(data, traces, layout)


def _panel(data: BeliefFigure, panel: BeliefPanel, first: bool) -> list[Dict]:
    """Return the traces of one parameter; those of the first one are in the legend."""
    name, target = text(panel.axis.name), text(data.target)
    words = panel.axis.categories or [f"{v:.6g}" for v in panel.at.tolist()]
    about = [
        [text(word, 40), f"{low:.5g}", f"{high:.5g}", f"{gain:.4g}"]
        for word, low, high, gain in zip(words, panel.low, panel.high, panel.improvement, strict=True)
    ]
    hover = (
        f"{name} %{{customdata[0]}}<br>expected {target} %{{y:.5g}}<br>95 %: %{{customdata[1]}} to %{{customdata[2]}}"
        "<br>expected improvement %{customdata[3]}<extra></extra>"
    )
    known = {"customdata": about, "hovertemplate": hover}
    low, high = np.clip(panel.low, *data.ends), np.clip(panel.high, *data.ends)
    at, bars = panel.at, panel.axis.kind == "category"
    if bars:
        made = [_box(at, low, high), _line(*dashes(at, panel.mean)), _dots(at, panel.mean, known)]
    else:
        both = {"x": short(np.concatenate([at, at[::-1]])), "y": short(np.concatenate([high, low[::-1]]))}
        area = {**both, "fill": "toself", "fillcolor": BAND, "line": {"width": 0}, "hoverinfo": "skip"}
        made = [
            {**scatter([], [], "95 % band", mode="lines"), **area},
            {**_line(at, panel.mean), **known},
        ]
    plain, points = panel.feasible, spread(panel.axis)
    kinds = [
        ("trials", plain, {"color": INK, "size": 4, "opacity": 0.55}),
        ("infeasible", ~plain, {"color": GREY, "size": 5, "symbol": "x"}),
        (
            "best",
            np.arange(len(plain)) == panel.best,
            {"color": "rgba(0,0,0,0)", "size": 13, "line": {"color": VERMILION, "width": 2.5}},
        ),
    ]
    made += [
        scatter(
            short(points[rows]),
            short(np.clip(panel.value[rows], *data.ends)),
            word,
            marker=marker,
            customdata=[[n, f"{v:.6g}"] for n, v in zip(panel.number[rows].tolist(), panel.value[rows], strict=True)],
            hovertemplate=f"trial %{{customdata[0]}}<br>{name} %{{x}}<br>{target} %{{customdata[1]}}<extra></extra>",
        )
        for word, rows, marker in kinds
        if rows.any()
    ]
    there = float(panel.at[panel.next])
    gain = f"expected improvement {panel.improvement[panel.next]:.4g}<extra></extra>"
    made.append(
        scatter(
            [there, there],
            list(data.ends),
            "most expected improvement",
            mode="lines",
            line={"color": GREEN, "width": 1.8, "dash": "dot"},
            hovertemplate=f"{name} {text(words[panel.next], 40)}<br>{gain}",
        )
    )
    return [{**trace, "legendgroup": trace["name"], "showlegend": first} for trace in made]


def dashes(at: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Return a line that is broken between categories: a dash at the mean of each."""
    gap = np.full(len(at), np.nan)
    x, y = np.column_stack([at - HALF, at + HALF, gap]), np.column_stack([mean, mean, gap])
    return x.ravel(), y.ravel()


def _line(at: Floats, mean: Floats) -> Dict:
    return scatter(short(at), short(mean), "expected", mode="lines", line={"color": BLUE, "width": 2.2})


def _dots(at: Floats, mean: Floats, known: Dict) -> Dict:
    """Return points without a look, that tell what is believed where the mouse is."""
    return {**scatter(short(at), short(mean), "expected", marker={"color": BLUE, "size": 4}), **known}


def _box(at: Floats, low: Floats, high: Floats) -> Dict:
    """Return a bar for each category, from the lower to the upper end of its band."""
    return {
        "type": "bar",
        "x": short(at),
        "y": short(high - low),
        "base": short(low),
        "width": 2 * HALF,
        "marker": {"color": BAND},
        "hoverinfo": "skip",
        "name": "95 % band",
    }
