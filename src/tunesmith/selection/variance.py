"""The variance of a mean over splits whose training sets overlap (Nadeau and Bengio, Machine Learning 52, 2003)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.errors import SelectionError
from tunesmith.numerics.arrays import Floats


def variance_inflation(n_splits: int, test_to_train: float | None = None) -> float:
    """Return by how much overlapping training sets inflate the variance of a mean over splits.

    The mean over J splits has (1/J + n_test/n_train) times the variance of one split's score, where independent
    training sets would give 1/J.

    Args:
        n_splits: J.
        test_to_train: n_test / n_train of a split; 1 / (J - 1), as of J folds, if None.

    Raises:
        SelectionError: no split, or a ratio that is not positive.
    """
    ratio = 1.0 / max(n_splits - 1, 1) if test_to_train is None else test_to_train
    if n_splits < 1 or not ratio > 0.0:
        raise SelectionError(f"at least one split and test_to_train > 0 are expected; given {n_splits} and {ratio!r}")
    return 1.0 + n_splits * ratio


def corrected_variance(scores: ArrayLike, test_to_train: float | None = None) -> Floats:
    """Return the variance of the mean over splits.

    Args:
        scores: [K], of one candidate, or [C, K].
        test_to_train: as for `variance_inflation`.

    Returns:
        A number, or [C]; NaN where a score is missing, and where there is one split alone.

    Raises:
        SelectionError: as `variance_inflation`.
    """
    values = np.asarray(scores, dtype=np.float64)
    k = values.shape[-1]
    factor = variance_inflation(k, test_to_train)
    if k < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(factor * values.var(axis=-1, ddof=1) / k)
