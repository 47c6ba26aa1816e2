"""Draws the history of a search."""

from __future__ import annotations

import numpy as np

from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.optimization_history import HistorySeries, MeanOverStudies, OptimizationHistory
from tunesmith.visualization.figures.style import GREY, ORANGE, SERIES, VERMILION, Dict, axis, figure, scatter, text


def draw(data: OptimizationHistory) -> Dict:
    """Return the figure: points, and the best so far as a line."""
    several = len(data.series) > 1
    traces: list[Dict] = []
    if data.means is not None:
        traces = _means(data.means, data.target)
    else:
        for i, series in enumerate(data.series):
            traces += _series(series, SERIES[i % len(SERIES)] if several else None, data)
    layout: Dict = {"xaxis": axis("trial"), "yaxis": axis(data.target), "showlegend": len(traces) > 1}
    low, high = data.ends
    span = (high - low) or abs(high) or 1.0
    failed = [s for s in data.series if len(s.failed)] if data.means is None else []
    if data.means is None:
        layout["yaxis"]["range"] = [low - (0.12 if failed else 0.05) * span, high + 0.05 * span]
    for s in failed:
        at = np.full(len(s.failed), low - 0.07 * span)
        cross = {"symbol": "x", "color": VERMILION, "size": 6}
        traces.append(scatter(s.failed.tolist(), short(at), "failed", marker=cross, hoverinfo="x+name"))
    return figure(data, traces, layout)


def _series(s: HistorySeries, colour: str | None, data: OptimizationHistory) -> list[Dict]:
    several = colour is not None
    name = f"{s.name}: " if several else ""
    kinds = [
        ("trials", ~s.pruned & s.feasible, {"color": colour or SERIES[0], "size": 5, "opacity": 0.55}),
        ("infeasible", ~s.pruned & ~s.feasible, {"color": GREY, "size": 5, "symbol": "x"}),
        ("pruned, last report", s.pruned, {"color": ORANGE, "size": 5, "symbol": "circle-open"}),
    ]
    traces = []
    for word, rows, marker in kinds:
        if rows.any():
            numbers, values = s.number[rows].tolist(), s.value[rows].tolist()
            traces.append(
                scatter(
                    numbers,
                    short(np.clip(s.value[rows], *data.ends)),
                    s.name if several and word == "trials" else name + word,
                    marker=marker,
                    legendgroup=text(s.name, 60) if several else word,
                    customdata=[[k, f"{v:.6g}"] for k, v in zip(numbers, values, strict=True)],
                    hovertemplate=f"trial %{{x}}<br>{text(data.target)} %{{customdata[1]}}<extra></extra>",
                )
            )
    if len(s.step_number):
        line = {"shape": "hv", "color": colour or VERMILION, "width": 2}
        traces.append(
            scatter(
                s.step_number.tolist(),
                short(s.step_value),
                f"{name}best so far",
                mode="lines",
                line=line,
                legendgroup=text(s.name, 60) if several else "best",
                showlegend=not several,
            )
        )
    if s.selected.any():
        marker = {"color": "rgba(0,0,0,0)", "size": 11, "line": {"color": "black", "width": 2}}
        rows = s.selected
        traces.append(
            scatter(
                s.number[rows].tolist(), short(np.clip(s.value[rows], *data.ends)), f"{name}selected", marker=marker
            )
        )
    return traces


def _means(m: MeanOverStudies, target: str) -> list[Dict]:
    traces = []
    for word, mean, sd, colour in (
        (f"mean {target}", m.mean, m.sd, SERIES[0]),
        ("mean of the best so far", m.best_mean, m.best_sd, SERIES[1]),
    ):
        known = np.isfinite(mean)
        x, low, high = m.number[known].tolist(), short((mean - sd)[known]), short((mean + sd)[known])
        band = scatter(x + x[::-1], high + low[::-1], f"{word} ± sd", mode="lines", fill="toself")
        traces.append({**band, "line": {"width": 0, "color": colour}, "opacity": 0.25, "hoverinfo": "skip"})
        traces.append(scatter(x, short(mean[known]), word, mode="lines", line={"color": colour, "width": 2}))
    return traces
