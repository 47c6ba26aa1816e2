"""Draws the timeline."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.timeline import Timeline
from tunesmith.visualization.figures.style import GREY, STATES, Dict, axis, figure, text

COLOURS = {**STATES, "infeasible": GREY}


def draw(data: Timeline) -> Dict:
    """Return the figure: one bar a trial, in the colour of its state."""
    traces: list[Dict] = []
    for word, colour in COLOURS.items():
        rows = np.array([s == word for s in data.state], bool)
        if rows.any():
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": word,
                    "y": data.number[rows].tolist(),
                    "base": short(data.begin[rows]),
                    "x": short((data.end - data.begin)[rows]),
                    "marker": {"color": colour, "line": {"width": 0}},
                    "width": 0.85 if len(data.number) < 200 else 1.0,
                    "text": [text(r, 80) for r, own in zip(data.reason, rows, strict=True) if own],
                    "textposition": "none",
                    "hovertemplate": f"trial %{{y}} ({word})<br>%{{x:.4g}} {data.unit}<br>%{{text}}<extra></extra>",
                }
            )
    layout = {
        "barmode": "overlay",
        "xaxis": axis(f"{data.unit} from {data.start}", range=_ends(data)),
        "yaxis": axis("trial", autorange="reversed"),
        "showlegend": True,
    }
    return figure(data, traces, layout)


def _ends(data: Timeline) -> list[float]:
    """Return the ends of the axis: a bar too short to be seen would hide what lies at 0."""
    high = float(data.end.max()) or 1.0
    return [-0.01 * high, 1.01 * high]
