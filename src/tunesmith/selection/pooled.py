"""What the scorer saw of all splits, of classes: what each row adds to a metric that is no mean over rows.

Of a rare class a split may hold one member. What it adds cannot be told from the split alone, only from all of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.selection.influence import (
    Confusion,
    Reach,
    area_influence,
    effective_sizes,
    folds_of,
    precision_influence,
)
from tunesmith.selection.metric import Metric

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
CELLS = 64  # of a confusion matrix: with more of them, leaving out blocks of rows is quicker


@dataclass(frozen=True, slots=True, eq=False)
class PooledPredictions:
    """Predictions of all splits, one value a row; m of them.

    Attributes:
        y: true classes, as places in `labels`, [m]. labels: sorted.
        values: predictions [m]; classes as places, too, if `coded`.
        rows: of which row each of them is, [m]. fold: of which split, [m].
        weight: of the rows, [m].
        coded: whether they are classes.
    """

    y: Rows
    labels: NDArray[Any]
    values: NDArray[Any]
    rows: Rows
    fold: Rows
    weight: Floats
    coded: bool

    @property
    def shares(self) -> Floats:
        """The weight of each prediction, [m]: those of one row share the row's."""
        return np.asarray(self.weight / np.bincount(self.rows)[self.rows])

    def influences(self, metric: Metric, together: bool) -> tuple[Floats, Floats] | None:
        """Return the score of each split and what each prediction adds to their mean, [m]; None if it is not known.

        Args:
            metric: the metric.
            together: whether it is computed of all splits together: they count as one.

        Raises:
            Exception: the metric takes no weights, or cannot be computed from a part of the rows.
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
        if len(matrix.weight) > CELLS:
            return None
        for at in folds_of(fold):
            part, _ = Confusion.of(score, self.y[at], p[at], self.weight[at], len(self.labels))
            found.append(score(part.y, part.p, part.weight))
        return np.array(found), matrix.influences()[cell]

    def reach(self, metric: Metric, groups: Rows | None, level: float) -> Reach:
        """Return how much the rows say that decide the metric; that all do alike where it is not known to be otherwise.

        Args:
            metric: the metric.
            groups: [n_rows], of rows that belong together, numbered from 0; None: each row stands for itself.
            level: of the interval.
        """
        # What was tested in several splits is one row.
        once = groups is None and len(np.unique(self.rows)) == len(self.rows)
        units = None if once else self.rows if groups is None else groups[self.rows]
        w, classes = self.shares, [self.y == k for k in range(len(self.labels))]
        if metric.ranks:
            sizes = [effective_sizes(own, own, w, units) for own in classes]
            positive = self._positive(metric)
            precision = metric.kind == "average_precision" and positive is not None
            return Reach(sizes[positive] if precision and positive is not None else min(s for s in sizes if s))
        if not self.coded or metric.row_loss is not None or len(classes) > CELLS:
            return Reach(math.inf)
        p, everyone = self.values.astype(np.intp), np.ones(len(w), bool)
        try:
            matrix, _ = Confusion.of(self._of_cells(metric), self.y, p, w, len(classes))
            sizes = [effective_sizes(own, p == k, w, units) for k, own in enumerate(classes)]
            shares = [effective_sizes(everyone, own, w, units) for own in classes]
            return matrix.reach(np.array(sizes), np.array(shares), level, metric.width)
        except Exception:  # the metric takes no weights
            return Reach(math.inf)

    def _of_cells(self, metric: Metric) -> Callable[[Rows, Rows, Floats], float]:
        """Return the metric as a function of the confusion matrix."""

        def score(y: Rows, p: Rows, weight: Floats) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a class without members, as the matrix is changed
                true, predicted = self.labels[y], self.labels[p]
                return metric.sign * float(metric.function(true, predicted, sample_weight=weight, **metric.options))

        return score

    def _positive(self, metric: Metric) -> int | None:
        """Return the place of the class that is to be ranked above the other; None if that is not known."""
        if len(self.labels) != 2:
            return None
        options = {k: v for k, v in metric.options.items() if v not in ("macro", "raise", None)}
        if metric.kind != "average_precision":
            return None if options else 1
        at = np.flatnonzero(self.labels == options.pop("pos_label", 1))
        return int(at[0]) if len(at) and not options else None
