"""The folds that candidates are tested on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from tunesmith.selection.metric import row_indices
from tunesmith.sklearn.protocols import CrossValidation, Data, Split
from tunesmith.text import shown

FOLDS = 5


def make_folds(cv: CrossValidation, X: Data, y: NDArray[Any], groups: Any, classes: bool, seed: int) -> list[Split]:
    """Return training and test rows of each fold, as indices.

    Args:
        cv: the number of folds, a splitter, or an iterable of pairs of rows; None: five.
        y: codes of classes, or numbers.
        groups: labels [n] of rows that stay together, or None.
        classes: whether the targets are classes.
        seed: of shuffling.

    Raises:
        ValueError: it is none of these, or there are fewer rows or groups than folds.
    """
    n = len(y)
    given: Any = cv
    if given is None or (isinstance(given, int | np.integer) and not isinstance(given, bool)):
        units = (n if classes else max(n // 2, 2)) if groups is None else len(np.unique(groups))
        k = min(FOLDS, units) if given is None else int(given)  # one row has no R²
        if k < 2:
            there = f"{n} rows" if groups is None else "a single group" if units == 1 else f"{units} groups"
            raise ValueError(f"tune: cross-validation needs two folds at least; got cv={cv!r} and {there}")
        if groups is not None:
            splitter: Any = StratifiedGroupKFold(k, shuffle=True, random_state=seed) if classes else GroupKFold(k)
        elif classes and np.bincount(y).max() >= k:
            splitter = StratifiedKFold(k, shuffle=True, random_state=seed)
        else:
            splitter = KFold(k, shuffle=True, random_state=seed)
    elif hasattr(given, "split") and not isinstance(given, str):
        splitter = given
    elif hasattr(given, "__iter__") and not isinstance(given, str):
        return _checked([(row_indices(train), row_indices(test)) for train, test in given], n)
    else:
        raise ValueError(f"tune: cv is a number of folds, a splitter, or pairs of rows; got {shown(cv)}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # the report says so
        splits = list(splitter.split(np.zeros((n, 1)), y, groups))
    return _checked([(row_indices(train), row_indices(test)) for train, test in splits], n)


def _checked(splits: list[Split], n: int) -> list[Split]:
    if not splits or any(not len(train) or not len(test) for train, test in splits):
        raise ValueError("tune: cv gives no fold, or one without rows; each needs rows to train and rows to test")
    if any(part.max() >= n or part.min() < -n for split in splits for part in split):
        raise ValueError(f"tune: cv names rows that there are not: X has {n:,} rows, numbered from 0 on")
    return splits
