"""Makes figures of very many trials lighter than a file's or a notebook's, since a page fetches many of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from tunesmith.visualization.columns import Indices
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures.optimization_history import OptimizationHistory
from tunesmith.visualization.figures.parallel_coordinate import ParallelCoordinate
from tunesmith.visualization.figures.slice import Slice

POINTS, LINES, PANELS = 1000, 1200, 8000  # of a history, of parallel coordinates, and of all panels of slices together


def lighter(data: FigureData) -> FigureData:
    """Return a figure with fewer points, where it has very many; the best and the selected ones stay."""
    if isinstance(data, Slice):
        return _with_rows(data, PANELS // max(1, len(data.axes)))
    if isinstance(data, ParallelCoordinate):
        return _with_rows(data, LINES)
    if isinstance(data, OptimizationHistory) and len(data.series) == 1 and len(data.series[0].number) > POINTS:
        series = data.series[0]
        index = _chosen(len(series.number), np.flatnonzero(series.selected), POINTS, series.value)
        of_rows = ("number", "value", "pruned", "feasible", "selected")
        thinned = replace(series, **{name: getattr(series, name)[index] for name in of_rows})
        return replace(data, series=(thinned,), notes=_notes(data, len(index)))
    return data


def _with_rows(data: Slice | ParallelCoordinate, most: int) -> FigureData:
    """Return slices or parallel coordinates with so many of their trials."""
    n = len(data.number)
    if n <= most:
        return data
    keep = np.flatnonzero(data.selected)
    index = _chosen(n, keep if data.best < 0 else np.append(keep, data.best), most, data.value)
    of_rows = [name for name in ("number", "value", "feasible", "pruned", "failed", "selected") if hasattr(data, name)]
    best = -1 if data.best < 0 else int(np.flatnonzero(index == data.best)[0])
    changes: dict[str, Any] = {name: getattr(data, name)[index] for name in of_rows}
    axes = tuple(axis.rows(index) for axis in data.axes)
    return replace(data, **changes, axes=axes, best=best, notes=_notes(data, len(index)))


def _chosen(n: int, keep: Indices, most: int, value: Any) -> Indices:
    """Return rows: those to keep, those with the lowest and the highest values, and others evenly."""
    order = np.argsort(np.nan_to_num(value, nan=0.0), kind="stable")
    ends = np.concatenate([order[: most // 8], order[-(most // 8) :]])
    even = np.linspace(0, n - 1, max(2, most - len(ends) - len(keep))).astype(np.intp)
    return np.unique(np.concatenate([keep, ends, even]).astype(np.intp))


def _notes(data: FigureData, shown: int) -> tuple[str, ...]:
    """Return the notes, with how many are drawn now."""
    found = [re.sub(r"^[\d,]+(?= of [\d,]+ \w+ drawn)", f"{shown:,}", note) for note in data.notes]
    return tuple(found)
