"""Predictions of classes on all splits together: what each row adds to a metric that is no mean over rows.

A split may hold one member of a rare class. What that adds can be told from all splits together only.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Floats, Indices
from tunesmith.selection.influence import (
    Confusion,
    EffectiveSample,
    area_influence,
    effective_size,
    folds_of,
    precision_influence,
)
from tunesmith.selection.metric import Metric

MOST_CELLS = 64  # of a confusion matrix: with more of them, leaving out blocks of rows is quicker


@dataclass(frozen=True, slots=True, eq=False)
class PooledPredictions:
    """Predictions of all splits, one value a row; m of them.

    Attributes:
        y: true classes, as indices in `labels`, [m].
        labels: sorted.
        values: predictions [m]; if `coded`, classes as indices, too.
        rows: the row of each prediction, [m].
        fold: its split, [m].
        weight: of the rows, [m].
        coded: whether they are classes.
    """

    y: Indices
    labels: NDArray[Any]
    values: NDArray[Any]
    rows: Indices
    fold: Indices
    weight: Floats
    coded: bool

    @property
    def shares(self) -> Floats:
        """The weight of each prediction, [m]: those of one row share the row's."""
        return np.asarray(self.weight / np.bincount(self.rows)[self.rows])

    def influences(self, metric: Metric, together: bool) -> tuple[Floats, Floats] | None:
        """Return the score of each split and what each prediction adds to their mean, [m]; None if it is not known.

        If `together`, all splits count as one. An exception: the metric takes no weights, or needs all rows.
        """
        fold = np.zeros_like(self.fold) if together else self.fold
        own = self._positive(metric)
        if metric.ranks and own is not None and not self.coded and np.ptp(self.weight) == 0.0:
            of_rows = area_influence if metric.kind == "roc_auc" else precision_influence
            return of_rows(self.y == own, self.values.astype(np.float64), fold)
        if not self.coded or metric.row_loss is not None:
            return None
        score, p, found = self._of_cells(metric), self.values.astype(np.intp), []
        matrix, cell = Confusion.of(score, self.y, p, self.shares, len(self.labels))
        if len(matrix.weight) > MOST_CELLS:
            return None
        for at in folds_of(fold):
            part, _ = Confusion.of(score, self.y[at], p[at], self.weight[at], len(self.labels))
            found.append(score(part.y, part.p, part.weight))
        return np.array(found), matrix.influences()[cell]

    def effective_sample(self, metric: Metric, groups: Indices | None, level: float) -> EffectiveSample:
        """Return the rows that decide the metric; infinitely many where all rows decide it alike, as far as is known.

        `groups` [n_rows] numbers rows that belong together from 0; None: each row stands for itself.
        """
        # What was tested in several splits is one row.
        once = groups is None and len(np.unique(self.rows)) == len(self.rows)
        units = None if once else self.rows if groups is None else groups[self.rows]
        w, classes = self.shares, [self.y == k for k in range(len(self.labels))]
        if metric.ranks:
            sizes = [effective_size(own, own, w, units) for own in classes]
            positive = self._positive(metric) if metric.kind == "average_precision" else None
            return EffectiveSample(min(s for s in sizes if s) if positive is None else sizes[positive])
        if not self.coded or metric.row_loss is not None or len(classes) > MOST_CELLS:
            return EffectiveSample(math.inf)
        p, everyone = self.values.astype(np.intp), np.ones(len(w), bool)
        try:
            matrix, _ = Confusion.of(self._of_cells(metric), self.y, p, w, len(classes))
            sizes = [effective_size(own, p == k, w, units) for k, own in enumerate(classes)]
            shares = [effective_size(everyone, own, w, units) for own in classes]
            return matrix.effective_sample(np.array(sizes), np.array(shares), level, metric.width)
        except Exception:  # the metric takes no weights
            return EffectiveSample(math.inf)

    def _of_cells(self, metric: Metric) -> Callable[[Indices, Indices, Floats], float]:
        """Return the metric as a function of the confusion matrix."""

        def score(y: Indices, p: Indices, weight: Floats) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a class without members, as the matrix is changed
                true, predicted = self.labels[y], self.labels[p]
                return metric.sign * float(metric.function(true, predicted, sample_weight=weight, **metric.options))

        return score

    def _positive(self, metric: Metric) -> int | None:
        """Return the index of the class that should be ranked above the other; None if that is not known."""
        if len(self.labels) != 2:
            return None
        options = {k: v for k, v in metric.options.items() if v not in ("macro", "raise", None)}
        if metric.kind != "average_precision":
            return None if options else 1
        at = np.flatnonzero(self.labels == options.pop("pos_label", 1))
        return int(at[0]) if len(at) and not options else None
