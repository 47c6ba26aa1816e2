"""Draws the honest score beside the score of the search and that of the default."""

from __future__ import annotations

import math

from tunesmith.selection.wording import NumberFormat
from tunesmith.visualization.data.honest_score import HonestScoreFigure
from tunesmith.visualization.figures.style import BLUE, GREY, VERMILION, Dict, axis, figure, scatter, text

COLOURS = {"seen": GREY, "expected": BLUE, "the": VERMILION}


def draw(data: HonestScoreFigure) -> Dict:
    """Return the figure: one row a score, the honest one with its interval."""
    form = number_format(data)
    traces: list[Dict] = []
    rows = list(reversed(range(len(data.marks))))
    for row, mark in zip(rows, data.marks, strict=True):
        low, high = mark.interval
        colour = colour_of(mark.name)
        trace = scatter([mark.value], [row], mark.name, marker={"color": colour, "size": 13}, mode="markers+text")
        trace |= {"text": [form.write(mark.value)], "textposition": "top center"}
        trace["hovertemplate"] = f"{text(mark.name)}: %{{x}}<extra></extra>"
        if not math.isnan(low):
            more = {"type": "data", "symmetric": False, "array": [high - mark.value], "arrayminus": [mark.value - low]}
            trace["error_x"] = {**more, "color": colour, "thickness": 3, "width": 8}
            trace["text"] = [f"{form.write(mark.value)} ({form.between((low, high))})"]
        traces.append(trace)
    better = "higher" if data.greater_is_better else "lower"
    ends = limits(data)
    layout: Dict = {
        "xaxis": axis("", range=ends),
        "yaxis": axis("", tickvals=rows, ticktext=[text(m.name, 60) for m in data.marks]),
        "showlegend": False,
        "height": 170 + 80 * len(data.marks),
    }
    layout["xaxis"]["title"]["text"] = f"{text(data.metric)} ({better} is better)"
    layout["yaxis"] |= {"range": [-0.6, len(rows) - 0.4], "showgrid": False}
    return figure(data, traces, layout)


def number_format(data: HonestScoreFigure) -> NumberFormat:
    """Return how the scores are written: with the digits that are known of the honest one."""
    honest = next(m for m in data.marks if m.name.startswith("expected"))
    return NumberFormat.of(honest.value, honest.interval)


def colour_of(name: str) -> str:
    """Return the colour of a mark."""
    return COLOURS[name.split()[0]]


def limits(data: HonestScoreFigure) -> list[float]:
    """Return the ends of the axis."""
    ends = [v for m in data.marks for v in (m.value, *m.interval) if math.isfinite(v)]
    low, high = min(ends), max(ends)
    pad = 0.15 * (high - low) or 0.1 * abs(high) or 1.0
    return [low - pad, high + pad]
