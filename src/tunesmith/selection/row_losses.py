"""Losses row by row, for the metrics that are means over rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.numerics.arrays import Floats


@dataclass(frozen=True)
class RowLoss:
    """A metric that is the mean of a loss over rows: score = offset - mean loss.

    Attributes:
        loss: (y[n], prediction[n] or [n, classes]) -> losses [n].
        targets: what `y` is: "classes" (or their codes, if predictions are codes), "codes" or "numbers".
        offset: of the score.
        bounds: between which the mean loss lies.
    """

    loss: Callable[[ArrayLike, ArrayLike], Floats]
    targets: str
    offset: float
    bounds: tuple[float, float]


def zero_one(y: ArrayLike, predicted: ArrayLike) -> Floats:
    """Return 1 where the prediction is wrong; for labels [n, outputs], where any of them is."""
    wrong = np.asarray(y) != np.asarray(predicted)
    return np.asarray(wrong.any(axis=1) if wrong.ndim > 1 else wrong, dtype=np.float64)


def log_loss(y: ArrayLike, probability: ArrayLike) -> Floats:
    """Return minus the log of the probability of the true class.

    Args:
        y: [n], the class's column in `probability`.
        probability: [n, classes]; clipped to float64's resolution and normalised.
    """
    p = np.asarray(probability, dtype=np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    own = p[np.arange(len(p)), np.asarray(y, dtype=np.intp)]
    tiny = float(np.finfo(np.float64).eps)
    return np.asarray(-np.log(np.clip(own, tiny, 1.0 - tiny)))


def brier(y: ArrayLike, probability: ArrayLike) -> Floats:
    """Return the squared error of the second class's probability [n, 2], for classes y of 0 and 1."""
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray((np.asarray(y, dtype=np.float64) - p[:, 1]) ** 2)


def squared(y: ArrayLike, predicted: ArrayLike) -> Floats:
    """Return squared errors; their mean over outputs for [n, outputs]."""
    return _over_outputs((np.asarray(y, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)) ** 2)


def absolute(y: ArrayLike, predicted: ArrayLike) -> Floats:
    """Return absolute errors; their mean over outputs for [n, outputs]."""
    return _over_outputs(np.abs(np.asarray(y, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)))


def _over_outputs(errors: Floats) -> Floats:
    return np.asarray(errors.reshape(len(errors), -1).mean(axis=1))


# By scikit-learn's scorer names. Of any other metric there are influences or pseudo-values.
ROW_LOSSES = {
    "accuracy": RowLoss(zero_one, "classes", 1.0, (0.0, 1.0)),
    "neg_log_loss": RowLoss(log_loss, "codes", 0.0, (0.0, math.inf)),
    "neg_brier_score": RowLoss(brier, "codes", 0.0, (0.0, 1.0)),
    "neg_mean_squared_error": RowLoss(squared, "numbers", 0.0, (0.0, math.inf)),
    "neg_mean_absolute_error": RowLoss(absolute, "numbers", 0.0, (0.0, math.inf)),
}
