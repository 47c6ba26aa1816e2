"""What the rows of splits say: which were tested, whether they are in the order of time, and which belong together.

A split is a pair of training and test rows, as indices or as a mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Indices

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
        n_rows: how many rows there are.

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
