"""How figures look: colours, fonts, axes and panels."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tunesmith.foundation.languages import Said, say
from tunesmith.foundation.look.colours import GREYS, OKABE_ITO
from tunesmith.foundation.text import printable
from tunesmith.visualization.axes import Axis
from tunesmith.visualization.columns import Floats
from tunesmith.visualization.figure import FigureData, Own

Dict = dict[str, Any]

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = OKABE_ITO
GREY, PALE, INK, GRID = GREYS
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, "#5d4a9c", GREY)
# From good to bad, or from late to early: the good end is dark, the other one still to be seen on white.
SCALE = [[0.0, "#08306b"], [0.35, "#2171b5"], [0.7, "#6baed6"], [1.0, "#c3d5e6"]]
FAINT = [[0.0, "#f1f1f1"], [1.0, "#c3d5e6"]]  # of cells with text in them
STATES = {
    "complete": BLUE, "pruned": ORANGE, "failed": VERMILION, "running": GREEN, "paused": PURPLE, "waiting": GREY,
}  # fmt: skip
LABEL, TICK = 28, 16  # characters of an axis's name, and of a category at a tick, at most
COLUMNS = 4  # panels of parameters in a row, at most


def framed(data: FigureData, traces: Iterable[Dict], layout: Dict, tall: bool = False) -> Dict:
    """Return a figure with its heading, its notes and what all figures share.

    Args:
        data: what is drawn.
        traces: the traces.
        layout: the layout besides.
        tall: whether its height follows from what it has, such as a row for each name.
    """
    notes = " · ".join(markup_free(n, 200) for n in data.notes)
    title: Dict = {"text": markup_free(data.title, 120), "x": 0.02, "xanchor": "left", "font": {"size": 17}}
    if notes:
        title["subtitle"] = {"text": notes, "font": {"size": 12, "color": "#666666"}}
    base: Dict = {
        "title": title,
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "colorway": list(SERIES),
        "margin": {"l": 70, "r": 30, "t": 90 if notes else 70, "b": 60},
        "legend": {"bgcolor": "rgba(255,255,255,0.7)"},
        "hovermode": "closest",
        "meta": {"kind": data.kind, "summary": data.summary, "tall": tall},
        "template": {"data": {}, "layout": {}},  # Python's Plotly would put its own one here
    }
    return {"data": list(traces), "layout": {**base, **layout}}


def markup_free(value: object, most: int = LABEL) -> str:
    """Return any text so that plotly.js shows it as it is, and does not read it as markup.

    Of a long one the beginning and the end stay, which tell names apart.
    """
    if isinstance(value, Said):  # its own words stay known, so that they can be said in another language
        return say(
            html.escape(value.pattern, quote=False),
            *(markup_free(v, most) if isinstance(v, str) else v for v in value.values),
        )
    shown = printable(str(value))
    if len(shown) > most:
        tail = (most - 1) * 2 // 5
        shown = f"{shown[: most - 1 - tail]}…{shown[-tail:]}"
    return html.escape(shown, quote=False)


def axis(title: str = "", most: int = 60, **more: Any) -> Dict:
    """Return an axis of numbers.

    Args:
        title: its name.
        most: characters of it.
        **more: further settings of plotly.js.
    """
    made: Dict = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": "#b0b0b0",
        "showline": True,
        "ticks": "outside",
        "tickcolor": "#b0b0b0",
        "automargin": True,
        "title": {"text": markup_free(title, most), "standoff": 8},
    }
    return {**made, **more}


def parameter_layout(of: Axis, title: bool = True, **more: Any) -> Dict:
    """Return the axis of a parameter: logarithmic, or with its categories, and with room for its strip.

    Args:
        of: the parameter.
        title: whether its name is shown.
        **more: further settings of plotly.js.
    """
    at, names = of.ticks()
    made = axis(of.name if title else "", LABEL, tickvals=at, ticktext=[markup_free(n, TICK) for n in names], **more)
    made["title"]["text"] = Own(made["title"]["text"])
    low, high = of.low, of.high
    if of.kind == "category":
        return {**made, "type": "linear", "range": [of.strip - 0.5 if of.has_strip else low, high]}
    edge = of.strip
    if of.kind == "log":
        low, high, edge = math.log10(low), math.log10(high), math.log10(edge)
    pad = 0.03 * (high - low)  # so that no point lies on the edge
    kind = "log" if of.kind == "log" else "linear"
    return {**made, "type": kind, "range": [edge - 2 * pad if of.has_strip else low - pad, high + pad]}


def strip(of: Axis, x: str, y: str, along: str = "x") -> tuple[list[Dict], list[Dict]]:
    """Return the shapes and annotations that mark the strip of trials without a value; none where there is none.

    Args:
        of: the parameter.
        x: the panel's x axis, such as "x2".
        y: its y axis.
        along: which of the two axes the parameter is.
    """
    if not of.has_strip:
        return [], []
    if of.kind == "log":
        end = max(of.low * (of.low / of.high) ** 0.03, of.strip)  # which no number may hold
        start = of.strip**2 / end
        at = math.log10(of.strip)
    else:
        end = of.low - (0.03 * (of.high - of.low) if of.kind == "linear" else 0.25)
        start, at = 2 * of.strip - end, of.strip
    refs = {"xref": x, "yref": f"{y} domain"} if along == "x" else {"xref": f"{x} domain", "yref": y}
    box = {"x0": start, "x1": end, "y0": 0, "y1": 1} if along == "x" else {"x0": 0, "x1": 1, "y0": start, "y1": end}
    shape = {"type": "rect", "layer": "below", "fillcolor": "#f1f1f1", "line": {"width": 0}, **refs, **box}
    name: Dict = {"text": say(of.strip_name), "showarrow": False, "font": {"size": 9, "color": "#777777"}, **refs}
    if along == "x":
        name |= {"x": at, "y": 1, "yanchor": "bottom", "textangle": 0}
    else:
        name |= {"y": at, "x": 1, "xanchor": "left", "textangle": 90}
    return [shape], [name]


def jitter(n: int, width: float, along: str = "x") -> Floats:
    """Return shifts [n] that part points on the same place: the same ones each time, evenly spread over the width."""
    step = 0.7548776662466927 if along == "x" else 0.5698402909980532  # even in the plane (Roberts' R2 sequence)
    return np.asarray((np.arange(n) * step % 1.0 - 0.5) * width)


def spread(of: Axis, along: str = "x") -> Floats:
    """Return where points are drawn on an axis [n]: on categories and in the strip parted a little.

    Args:
        of: the parameter.
        along: which of a panel's axes it is.
    """
    at = of.placed
    n = len(at)
    if of.kind == "category":
        return at + jitter(n, 0.3, along)
    if not of.has_strip:
        return at
    if of.kind == "log":
        return np.where(np.isnan(of.at), at * (of.high / of.low) ** jitter(n, 0.08, along), at)
    return np.where(np.isnan(of.at), at + jitter(n, 0.08, along) * (of.high - of.low), at)


def panels(rows: int, columns: int, gap_x: float = 0.25, gap_y: float = 0.35) -> list[tuple[list[float], list[float]]]:
    """Return the domains (x, y) of panels, row by row from the top.

    Args:
        rows: of panels.
        columns: of panels.
        gap_x: between two panels, as a share of a panel's width.
        gap_y: the same of its height.
    """
    width, height = 1.0 / (columns + gap_x * (columns - 1)), 1.0 / (rows + gap_y * (rows - 1))
    found = []
    for r in range(rows):
        for c in range(columns):
            x, y = c * width * (1 + gap_x), 1.0 - r * height * (1 + gap_y)
            found.append(([round(x, 5), round(min(x + width, 1.0), 5)], [round(max(y - height, 0.0), 5), round(y, 5)]))
    return found


def parameter_panels(axes: Sequence[Axis], target: str, ends: Sequence[float]) -> tuple[Dict, list[Dict]]:
    """Return the axes of panels, one a parameter, which share the axis of values.

    Args:
        axes: the parameters.
        target: the title of the axis of values.
        ends: of it.

    Returns:
        The layout, whose height has no room for a title and what is below; and where the traces of each panel belong.
    """
    columns = min(len(axes), COLUMNS)
    rows = -(-len(axes) // columns)
    layout: Dict = {"height": 260 * rows}
    places: list[Dict] = []
    for k, (of, (across, up)) in enumerate(zip(axes, panels(rows, columns, 0.12, 0.42), strict=False)):
        x, y, left = f"x{name_of(k)}", f"y{name_of(k)}", k % columns == 0
        more: Dict = {} if k == 0 else {"matches": "y"}
        vertical = axis(target if left else "", domain=up, anchor=x, showticklabels=left, **more)
        layout[f"xaxis{name_of(k)}"] = parameter_layout(of, domain=across, anchor=y)
        layout[f"yaxis{name_of(k)}"] = {**vertical, "range": list(ends)}
        places.append({"xaxis": x, "yaxis": y})
    return layout, places


def name_of(k: int) -> str:
    """Return the suffix of the k-th axis, from 0: none, "2", "3"."""
    return "" if k == 0 else str(k + 1)


def scatter(x: Sequence[Any], y: Sequence[Any], name: str, **more: Any) -> Dict:
    """Return a trace of points.

    Args:
        x: where they lie.
        y: how high.
        name: of the trace, in the legend.
        **more: further settings of plotly.js.
    """
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "name": markup_free(name, 60), **more}


def bar(title: str, **more: Any) -> Dict:
    """Return the scale of colours beside a figure.

    Args:
        title: what it shows.
        **more: further settings of plotly.js.
    """
    return {"title": {"text": markup_free(title), "side": "right"}, "thickness": 12, "outlinewidth": 0, **more}


def interval_rows(
    names: Sequence[str], values: Floats, low: Floats, high: Floats, texts: Sequence[str], colours: Sequence[str]
) -> tuple[list[Dict], Dict]:
    """Return values with their intervals, one row each from the top.

    Args:
        names: of the rows [k].
        values: [k].
        low: lower ends of the intervals [k]; NaN: none is known.
        high: upper ends [k].
        texts: what stands above each value [k]; empty: nothing.
        colours: of the rows [k].

    Returns:
        The traces, and the layout of both axes.
    """
    n = len(names)
    traces: list[Dict] = []
    for k, (value, a, b, colour) in enumerate(zip(values.tolist(), low.tolist(), high.tolist(), colours, strict=True)):
        mark: Dict = {"marker": {"color": colour, "size": 11}, "showlegend": False}
        mark["hovertemplate"] = "%{x:.4g}<extra></extra>"
        if not math.isnan(a + b):
            ends: Dict = {"type": "data", "symmetric": False, "array": [b - value], "arrayminus": [value - a]}
            mark["error_x"] = {**ends, "color": colour, "thickness": 3, "width": 6}
        if texts[k]:
            mark |= {"mode": "markers+text", "text": [texts[k]], "textposition": "top center"}
        traces.append(scatter([value], [n - 1 - k], names[k], **mark))
    known = np.concatenate([values, low, high])
    first, last = float(np.nanmin(known)), float(np.nanmax(known))
    pad = 0.1 * (last - first) or 0.1 * abs(first) or 1.0
    names_at: Dict = {"tickvals": list(range(n))[::-1], "ticktext": [markup_free(name, 40) for name in names]}
    return traces, {
        "xaxis": axis("", range=[first - pad, last + pad]),
        "yaxis": axis("", **names_at, range=[-0.6, n - 0.4], showgrid=False),
    }
