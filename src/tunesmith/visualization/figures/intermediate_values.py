"""Draws learning curves."""

from __future__ import annotations

from tunesmith.state import TrialState
from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.intermediate_values import IntermediateValues, LearningCurve
from tunesmith.visualization.figures.style import STATES, Dict, axis, figure, scatter, text

WORDS = {TrialState.FAIL: "failed"}


def draw(data: IntermediateValues) -> Dict:
    """Return the figure: one curve a trial, in the colour of its state; the best and the selected ones are thick."""
    seen: set[str] = set()
    traces = []
    for c in sorted(data.curves, key=lambda c: (c.selected or c.number == data.best, c.number)):
        word, colour, thick = look(c, data.best)
        traces.append(
            scatter(
                c.step.tolist(),
                short(c.value),
                word,
                mode="markers" if len(c.step) == 1 else "lines",
                line={"color": colour, "width": 3 if thick else 1.2},
                marker={"color": colour, "size": 5},
                opacity=1.0 if thick else 0.55,
                legendgroup=word,
                showlegend=word not in seen,
                hovertemplate=f"trial {c.number} ({word})<br>step %{{x}}<br>{text(data.target)} %{{y}}<extra></extra>",
            )
        )
        seen.add(word)
    layout = {"xaxis": axis("step"), "yaxis": axis(data.target), "showlegend": len(seen) > 1}
    return figure(data, traces, layout)


def look(c: LearningCurve, best: int) -> tuple[str, str, bool]:
    """Return how a curve is shown: the word for it, its colour, and whether it is thick."""
    if c.number == best:
        return "best", "#08306b", True
    word = WORDS.get(c.state, str(c.state).lower())
    return word, "black" if c.selected else STATES[word], c.selected
