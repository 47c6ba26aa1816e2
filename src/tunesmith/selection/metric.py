"""A metric: its losses by row, and what the splits say of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.foundation.numerics.arrays import Floats, Indices

# ----------------------------------------------------------------------------------------------------------------------
# Losses row by row, for the metrics that are means over rows.


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


# ----------------------------------------------------------------------------------------------------------------------
# What the rows of splits say: which were tested, whether they are in the order of time, and which belong together.
#
# A split is a pair of training and test rows, as indices or as a mask.

Splits = Sequence[tuple[Any, Any]]


def row_indices(rows: Any) -> NDArray[Any]:
    """Return the indices of rows that are given as indices or as a mask."""
    array = np.asarray(rows)
    return np.flatnonzero(array) if array.dtype == bool else array if array.size else array.astype(np.intp)


def tested_rows(splits: Splits) -> NDArray[Any]:
    """Return the rows that are tested in some split, ascending."""
    return np.unique(np.concatenate([row_indices(test) for _, test in splits]))


def split_ratio(splits: Splits) -> float:
    """Return the test rows of the first split as a part of its training rows."""
    train, test = splits[0]
    return max(len(row_indices(test)), 1) / max(len(row_indices(train)), 1)


def in_time_order(splits: Splits) -> bool:
    """Tell whether every split tests rows that come after all those that it trains on, as in a time series."""
    never = np.iinfo(np.intp).max
    return all(row_indices(train).max(initial=-1) < row_indices(test).min(initial=never) for train, test in splits)


def is_time_series(splits: Splits) -> bool:
    """Tell whether there are several splits in the order of time."""
    return len(splits) > 1 and in_time_order(splits)


def block_length(n: int) -> int:
    """Return how many neighbouring rows of a series are taken as one observation: √n, as batch means have it.

    With blocks of this length the variance of their means is consistent for that of the mean of a series whose
    correlation dies out (Flegal and Jones, Annals of Statistics 38, 2010).
    """
    return max(1, round(math.sqrt(n)))


def observation_of_row(splits: Splits, groups: Any, n_rows: int) -> Indices | None:
    """Return which rows count as one observation.

    Those of a group do, and neighbouring rows where splits are in the order of time.

    Args:
        splits: training and test rows.
        groups: labels [n_rows], or None.

    Returns:
        The number of each row's observation, [n_rows]; None: each row stands for itself.
    """
    if groups is not None:
        return np.asarray(np.unique(np.asarray(groups), return_inverse=True)[1].ravel(), np.intp)
    if not is_time_series(splits):
        return None
    rows = tested_rows(splits)
    number = np.zeros(n_rows, np.intp)
    number[rows] = np.arange(len(rows)) // block_length(len(rows))
    return number


def count_groups(splits: Splits, groups: Any) -> int | None:
    """Return how many groups were tested; None if each row stands for itself."""
    if groups is None:
        return None
    rows = tested_rows(splits)
    n = len(set(np.asarray(groups, dtype=object).ravel()[rows].tolist()))
    return n if n < len(rows) else None


# ----------------------------------------------------------------------------------------------------------------------
# The metric that decides, as a function of predictions.


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric that decides, as a function of predictions; a score is `offset` less the mean of the row losses.

    Attributes:
        name: what it is called.
        function: (y, predictions) -> number.
        sign: -1 if the function is a loss.
        options: further arguments of the function.
        offset: of the score.
        bounds: between which a mean loss lies.
        row_loss: the loss whose mean over rows it is; None: it is not such a mean.
        kind: "r2", "roc_auc" or "average_precision", for which there are formulas; None else.
        pools: whether it is biased where it is computed from few rows, and so is computed from the predictions of all
            splits together.
    """

    name: str
    function: Callable[..., Any]
    sign: int
    options: dict[str, Any]
    offset: float
    bounds: tuple[float, float]
    row_loss: RowLoss | None = None
    kind: str | None = None
    pools: bool = False

    @property
    def quick(self) -> bool:
        """Whether its row losses are worked out at once, and not by leaving out blocks of rows."""
        return self.row_loss is not None or self.kind in ("r2", "roc_auc")

    @property
    def is_log_loss(self) -> bool:
        """Whether a prediction that gives the true class no chance makes it very large."""
        return self.row_loss is not None and self.row_loss.loss is log_loss

    @property
    def ranks(self) -> bool:
        """Whether it compares ranks of two classes."""
        return self.kind in ("roc_auc", "average_precision")

    @property
    def width(self) -> float:
        """Of its range; 1 where that is not bounded."""
        low, high = self.bounds
        return high - low if math.isfinite(high - low) else 1.0

    def together(self, splits: Splits) -> bool:
        """Tell whether it is computed from the predictions of all these splits together, and not for each of them.

        Of splits in the order of time each is a period of its own, whose rows are judged by that period.
        """
        return len(splits) > 1 and self.pools and not in_time_order(splits)
