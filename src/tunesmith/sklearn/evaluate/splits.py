"""The splitter of a search, and further splits of the same rows where they may be reshuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from tunesmith.sklearn.protocols import CrossValidation, Data, Split, Splitter

SplitterFactory = Callable[[int], Splitter]  # makes a splitter from a seed
N_SPLIT_SETS = 16  # of splits, where candidates are reshuffled: more would take memory and hardly differ
RESHUFFLE_SALT = 0x5EF7  # keeps their seeds apart from others


def checked_splitter(cv: CrossValidation, y: Data, classifies: bool) -> Splitter:
    """Return the splitter that a search's `cv` stands for.

    Args:
        cv: as a search takes it.
        y: the targets.
        classifies: whether a classifier is tuned.

    Raises:
        TypeError: the targets of a classifier have no order.
    """
    try:
        splitter: Splitter = check_cv(cv, y, classifier=classifies)
    except TypeError as error:
        kinds = sorted({type(v).__name__ for v in np.ravel(np.asarray(y, dtype=object)).tolist()})
        if len(kinds) < 2:
            raise
        raise TypeError(
            f"y has values of several types, {', '.join(kinds)}, which have no order ({error}); give all labels "
            f"one type, and leave out rows without one"
        ) from error
    return splitter


def reshuffled_cv(given: Any, checked: Splitter) -> SplitterFactory | str:
    """Return a function that makes a splitter with other splits from a seed, or the reason why there is none.

    Args:
        given: ``cv`` as the user gave it. A number of folds says nothing of an order of the rows, so it is taken to
            allow a reshuffle.
        checked: the splitter that scikit-learn made of it.
    """
    number = given is None or isinstance(given, Integral)
    held = vars(checked) if hasattr(checked, "__dict__") else {}
    name = type(checked).__name__
    if name == "_CVIterableWrapper":
        return "a list of splits always gives the same ones"
    if "random_state" not in held:
        return f"{name} always gives the same ones"
    if not number and held.get("shuffle") is False:
        settable = "shuffle" in signature(type(checked)).parameters  # TimeSeriesSplit inherits the attribute alone
        return f"{name} always gives the same ones{' unless shuffle=True' if settable else ''}"

    def fresh(seed: int) -> Any:
        other: Any = copy(checked)
        other.random_state = seed
        if "shuffle" in held:
            other.shuffle = True
        return other

    return fresh


def further_splits(given: Any, checked: Splitter, cut: Callable[[Splitter], Iterable[Split]], seed: int) -> list[Split]:
    """Return the splits of all sets but the first, for candidates that have splits of their own.

    Args:
        given: ``cv`` as the user gave it.
        checked: the splitter that scikit-learn made of it.
        cut: makes the splits of the rows with a splitter.
        seed: of the study.

    Raises:
        ValueError: the splitter has the same splits each time.
    """
    fresh = reshuffled_cv(given, checked)
    if isinstance(fresh, str):
        raise ValueError(f"reshuffle=True needs a splitter that shuffles, such as KFold(5, shuffle=True): {fresh}")
    seeds = np.random.SeedSequence([seed, RESHUFFLE_SALT]).generate_state(N_SPLIT_SETS - 1) >> 1
    return [split for seed in seeds.tolist() for split in cut(fresh(seed))]
