"""The rows that candidates are fitted and tested on: folds, folds that are dealt anew, and levels of fewer rows."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

from tunesmith.foundation.text import shown
from tunesmith.selection.metric import row_indices
from tunesmith.sklearn.checks.rows import group_splitter
from tunesmith.sklearn.protocols import CrossValidation, Split

FEWEST_TRAINED = 500  # rows of the lowest level
GROWTH_OF_LEVELS = 3
ENOUGH_TESTED = 8000  # rows, beyond which further folds are worth less than further candidates
MOST_DEALT = 10  # times that folds are dealt anew, at most


def make_folds(cv: CrossValidation, y: NDArray[Any], groups: Any, classes: bool, seed: int) -> list[Split]:
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
    pairs: Any
    if given is None or _is_fold_count(given):
        units = (n if classes else max(n // 2, 2)) if groups is None else len(np.unique(groups))
        k = min(5, units) if given is None else int(given)  # one row has no R²
        if k < 2:
            there = f"{n} rows" if groups is None else "a single group" if units == 1 else f"{units} groups"
            raise ValueError(f"tune: cross-validation needs two folds at least; got cv={cv!r} and {there}")
        if groups is not None:
            given = group_splitter(k, classes, seed)
        else:
            splitter = StratifiedKFold if classes and np.bincount(y).max() >= k else KFold
            given = splitter(k, shuffle=True, random_state=seed)
    if hasattr(given, "split"):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")  # the report says so
            pairs = list(given.split(np.zeros((n, 1)), y, groups))
    elif hasattr(given, "__iter__"):
        pairs = given
    else:
        raise ValueError(f"tune: cv is 'auto', a number of folds, a splitter, or pairs of rows; got {shown(cv)}")
    splits = [(row_indices(train), row_indices(test)) for train, test in pairs]
    if not splits or any(not len(train) or not len(test) for train, test in splits):
        raise ValueError("tune: cv gives no fold, or one without rows; each needs rows to train and rows to test")
    if any(part.max() >= n or part.min() < -n for split in splits for part in split):
        raise ValueError(f"tune: cv names rows that there are not: X has {n:,} rows, numbered from 0 on")
    return splits


def deal_again(cv: CrossValidation, y: NDArray[Any], groups: Any, classes: bool, seed: int) -> list[list[Split]]:
    """Return folds of the same rows, dealt anew with other seeds; none of a splitter or of pairs.

    The more rows there are, the less their folds vary, and the fewer times it is worth to deal them.

    Args:
        cv: as for `make_folds`, as the rest.
        seed: of the first folds.
    """
    n = len(y)
    if n >= ENOUGH_TESTED or not (cv is None or isinstance(cv, int | np.integer)):
        return []
    seeds = np.random.SeedSequence([seed, 5]).generate_state(min(MOST_DEALT, math.ceil(ENOUGH_TESTED / n))) >> 1
    return [make_folds(cv, y, groups, classes, int(one)) for one in seeds]


def levels_of(train: NDArray[Any], test: NDArray[Any], ordered: bool, seed: int) -> list[Split]:
    """Return the splits of the levels below a fold, the smallest first; none: the fold is small itself.

    Args:
        train: rows of the fold.
        test: likewise; a level is tested on 5,000 of them at most.
        ordered: whether rows are in the order of time: the last ones are taken then.
    """
    rng = np.random.default_rng([seed, 77])
    sizes = []
    size = len(train) / GROWTH_OF_LEVELS
    while size >= FEWEST_TRAINED:
        sizes.append(int(size))
        size /= GROWTH_OF_LEVELS
    if not sizes:
        return []
    order = train[::-1] if ordered else rng.permutation(train)
    tested = test if len(test) <= 5000 else np.sort(rng.permutation(test)[:5000])
    return [(np.sort(order[:n]), tested) for n in reversed(sizes)]


def _is_fold_count(cv: Any) -> bool:
    return isinstance(cv, int | np.integer) and not isinstance(cv, bool)
