"""What the model of a search answered for rows that it was not fitted on, and how that goes with the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection.intervals import two_sided, wilson
from tunesmith.tables.values import Values

BINS = 10  # of rows, at most
LEAST_IN_BIN = 20  # rows of a bin: with fewer, bins are wider


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Answers for tested rows, each by models that were fitted without it.

    Attributes:
        rows: which rows these are [m], counted among those that have a target.
        y: their targets [m]: codes of classes, or numbers.
        answers: probabilities [m, n_classes], or numbers [m].
        classes: the labels, sorted; None: the target is a number.
    """

    rows: NDArray[np.intp] = field(repr=False)
    y: NDArray[Any] = field(repr=False)
    answers: Floats = field(repr=False)
    classes: NDArray[Any] | None

    @property
    def predictions(self) -> NDArray[Any]:
        """What is predicted [m]: codes of classes, or numbers."""
        return self.answers if self.classes is None else self.answers.argmax(axis=1)

    @property
    def off(self) -> Floats:
        """By how much predictions are off [m]: the truth less the prediction; of classes, 1 where it is wrong."""
        return np.asarray(self.y - self.answers if self.classes is None else self.predictions != self.y, np.float64)

    def confusion(self) -> NDArray[np.intp]:
        """Return how many rows of each class [k, k], in rows by the truth, are taken for which one."""
        k = 0 if self.classes is None else len(self.classes)
        found = np.zeros((k, k), np.intp)
        np.add.at(found, (self.y.astype(np.intp), self.predictions), 1)
        return found


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows that lie together, and a mean over them.

    Attributes:
        at: where they lie: the mean, of a category its place.
        ends: the least and the greatest of them.
        mean: of what is averaged.
        interval: of that mean, 95 %; NaN of a single row.
        n: how many rows.
    """

    at: float
    ends: tuple[float, float]
    mean: float
    interval: tuple[float, float]
    n: int


def calibration(known: OutOfFold) -> list[Bin]:
    """Return how sure predictions of classes are, and which share of them is right, in bins of as many rows each.

    How sure one is, is the probability of the class that is predicted (Guo et al. 2017, "On Calibration of Modern
    Neural Networks"). Intervals are Wilson's.
    """
    sure = known.answers.max(axis=1) / known.answers.sum(axis=1)
    return [_bin(sure[own], 1.0 - known.off[own], share=True) for own in _bins(sure)]


def along(known: OutOfFold, column: Values) -> tuple[list[Bin], list[str]]:
    """Return by how much predictions are off along a column, and the names of its categories; none: it has numbers.

    Args:
        known: the answers.
        column: what the column holds, of all rows.
    """
    is_share = known.classes is not None
    if column.kind == "labels" and not np.isfinite(column.numbers()).any():
        codes = column.data[known.rows]
        most = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(column.levels)), kind="stable")[:BINS]
        parts = [(place, codes == code) for place, code in enumerate(most.tolist())]
        made = [_bin(np.full(own.sum(), float(k)), known.off[own], is_share) for k, own in parts if own.any()]
        return made, [str(column.levels[code]) for code in most[: len(made)].tolist()]
    values = column.dates().astype(np.float64) if column.kind == "date" else column.numbers()
    values = np.where(column.missing, math.nan, values)[known.rows]
    return [_bin(values[own], known.off[own], is_share) for own in _bins(values)], []


def _bins(values: Floats) -> Iterator[NDArray[np.intp]]:
    """Yield rows with finite values in bins from low to high, of as many rows each; equal values are in one bin."""
    finite = np.flatnonzero(np.isfinite(values))
    n = max(1, min(BINS, len(finite) // LEAST_IN_BIN))
    edges = np.unique(np.quantile(values[finite], np.arange(1, n) / n)) if len(finite) else np.empty(0)
    which = np.searchsorted(edges, values[finite], side="left")
    for k in range(len(edges) + 1):
        if (own := finite[which == k]).size:
            yield own


def _bin(at: Floats, of: Floats, share: bool) -> Bin:
    mean, n = float(of.mean()), len(of)
    if share:
        interval = wilson(mean, n, two_sided(0.95))
    else:
        half = two_sided(0.95) * float(of.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
        interval = mean - half, mean + half
    return Bin(float(at.mean()), (float(at.min()), float(at.max())), mean, interval, n)
