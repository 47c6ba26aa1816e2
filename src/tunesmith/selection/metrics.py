"""Losses row by row: those of the metrics that are means over rows, and pseudo-values for all others.

A metric that is not a mean over rows (ROC AUC, F1, R², ...) becomes one by the jackknife: the pseudo-value of a block
of rows is what the block adds to the score of its fold (Tukey, 1958). Their mean is the score, and their spread is
that of the score, so one method of choosing serves every metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.errors import SelectionError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RowLoss:
    """A metric that is the mean of a loss over rows: score = offset - mean loss.

    Attributes:
        loss: (y[n], prediction[n] or [n, classes]) -> losses [n].
        response: what it is computed from: "predict" or "predict_proba".
        offset: of the score.
        bounds: between which the mean loss lies.
    """

    loss: Callable[[ArrayLike, ArrayLike], Floats]
    response: str
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


# By scikit-learn's scorer names. Any other metric goes through pseudo_losses.
ROW_LOSSES = {
    "accuracy": RowLoss(zero_one, "predict", 1.0, (0.0, 1.0)),
    "neg_log_loss": RowLoss(log_loss, "predict_proba", 0.0, (0.0, math.inf)),
    "neg_brier_score": RowLoss(brier, "predict_proba", 0.0, (0.0, 1.0)),
    "neg_mean_squared_error": RowLoss(squared, "predict", 0.0, (0.0, math.inf)),
    "neg_mean_absolute_error": RowLoss(absolute, "predict", 0.0, (0.0, math.inf)),
}


def pseudo_losses(
    score: Callable[[NDArray[np.intp]], float],
    n_rows: int,
    *,
    strata: ArrayLike | None = None,
    n_blocks: int = 20,
    seed: int = 0,
) -> Floats:
    """Return losses of the rows of one fold whose mean is minus the fold's score, for any metric.

    Block g of G gets the jackknife's pseudo-value G·S - (G - 1)·S(-g). Its deviation from S is that of a mean over
    the block's rows; scaled by the square root of their number it has the spread of single rows. Use the same
    `strata` and `seed` for every candidate, so that their losses are paired.

    Args:
        score: rows to keep, ascending -> the metric on them, greater is better. Called G + 1 times.
        n_rows: rows of the fold.
        strata: [n_rows], class labels, which are spread evenly over the blocks.
        n_blocks: G, at most; every row is its own block if there are no more than that.
        seed: of the blocks.

    Returns:
        [n_rows]; all NaN where the score is not finite. A block without which the metric is undefined (it held the
        only row of a class) counts as average.

    Raises:
        SelectionError: there is no row, or strata is not [n_rows].
    """
    if n_rows < 1:
        raise SelectionError("pseudo-values need at least one row; the fold has none")
    everything = np.arange(n_rows)
    whole = float(score(everything))
    if not math.isfinite(whole):
        return np.full(n_rows, math.nan)
    n_blocks = min(n_rows, n_blocks)
    if n_blocks < 2:
        return np.full(n_rows, -whole)
    block = _deal(n_rows, n_blocks, strata, np.random.default_rng([seed, n_rows]))
    without = np.array([float(score(everything[block != g])) for g in range(n_blocks)])
    effect = np.where(np.isfinite(without), (n_blocks - 1) * (whole - without), 0.0)
    deviation = effect[block]
    deviation = (deviation - deviation.mean()) * math.sqrt(n_rows / n_blocks)
    return np.asarray(-(whole + deviation))


def _deal(n_rows: int, n_blocks: int, strata: ArrayLike | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return each row's block: rows are shuffled, ordered by class, and dealt out like cards."""
    order = rng.permutation(n_rows)
    if strata is not None:
        labels = np.asarray(strata)
        if labels.shape != (n_rows,):
            raise SelectionError(f"strata have shape {labels.shape}; one label for each of {n_rows} rows is expected")
        order = order[np.argsort(np.unique(labels, return_inverse=True)[1][order], kind="stable")]
    block = np.empty(n_rows, np.intp)
    block[order] = np.arange(n_rows) % n_blocks
    return block
