"""The learning curve of a model: its score by the number of rows of a fit, and what more rows would bring."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.sklearn.protocols import Data, Split
from tunesmith.tables.responses import Measure
from tunesmith.tables.values import take_rows

PARTS = (0.25, 0.5, 1.0)  # of the training rows of a fold
FEWEST_ROWS = 20  # that a model is fitted on


@dataclass(frozen=True, slots=True, eq=False)
class LearningCurve:
    """Scores by the number of rows.

    Attributes:
        n_rows: how many rows a fit had [k], rising.
        scores: of each fold [k, folds], as a report shows them: an error as a positive number.
        metric: what is scored.
        greater_is_better: its direction.
    """

    n_rows: NDArray[np.intp]
    scores: Floats
    metric: str
    greater_is_better: bool

    @checked()
    def expected(self, n: float) -> float:
        """Return the score to expect with n rows: a - b·n^-1/2, fitted to the means by least squares.

        Args:
            n: how many rows a fit has, at least one.

        Raises:
            ValueError: n is below one.
        """
        if not n >= 1:
            raise ValueError(f"n is how many rows a fit has, at least 1; got {n!r}")
        x = self.n_rows**-0.5
        slope, level = np.polyfit(x, self.scores.mean(axis=1), 1)
        return float(level + slope * n**-0.5)

    def gain_of_twice(self) -> tuple[float, float]:
        """Return by how much twice the rows make the score better, and its standard error; NaN of one fold."""
        n, sign = float(self.n_rows[-1]), 1.0 if self.greater_is_better else -1.0
        x = self.n_rows**-0.5
        slopes = np.polyfit(x, self.scores, 1)[0] * sign
        gains = slopes * ((2 * n) ** -0.5 - n**-0.5)
        error = float(gains.std(ddof=1) / math.sqrt(len(gains))) if len(gains) > 1 else math.nan
        return float(gains.mean()), error


def learning_curve(
    model: Any,
    X: Data,
    codes: NDArray[Any],
    sample_weight: Any,
    folds: Sequence[Split],
    measure: Measure,
    seconds: float = math.inf,
) -> LearningCurve:
    """Fit a model on a quarter, on half, and on all of the training rows of folds.

    Args:
        model: a `TableClassifier` or a `TableRegressor`, fitted, whose columns and settings are used.
        X: rows.
        codes: targets as models take them: codes of classes, or numbers.
        sample_weight: of all rows; None: all count alike.
        folds: on which it is tested.
        measure: the metric.
        seconds: that there are; a further fold is begun if it fits in.

    Raises:
        ValueError: there are too few rows for a curve.
    """
    least = min(len(train) for train, _ in folds)
    sizes = [int(part * least) for part in PARTS]
    if sizes[0] < FEWEST_ROWS:
        raise ValueError(f"a learning curve needs {FEWEST_ROWS * 4} training rows; there are {least}")
    start, scores, y = time.monotonic(), list[list[float]](), measure.labels(codes)
    for k, (train, test) in enumerate(folds):
        spent = time.monotonic() - start
        if k and spent * (k + 1) / k > seconds:
            break
        order = np.random.default_rng(k).permutation(train)
        fitted = [model.refitted(X, codes, np.sort(order[:size]), sample_weight) for size in sizes]
        more = {} if sample_weight is None else {"sample_weight": sample_weight[test]}
        scores.append([measure.scorer(one, take_rows(X, test), y[test], **more) for one in fitted])
    label = measure.label
    return LearningCurve(np.array(sizes), label.sign * np.array(scores).T, label.name, label.greater_is_better)
