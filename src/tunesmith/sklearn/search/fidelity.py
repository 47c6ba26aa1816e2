"""What ``SearchCV(fidelity=...)`` stands for: levels of rounds, iterations or rows, and the splits of each."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from tunesmith.caution import caution
from tunesmith.selection.metric import row_indices
from tunesmith.sklearn.protocols import Data, Estimator, Split
from tunesmith.sklearn.search.screen_judge import ScreenJudge
from tunesmith.sklearn.search.screening import FACTOR, FOLDS, Level, Screens
from tunesmith.space import Space
from tunesmith.text import did_you_mean, shown

N_SAMPLES = "n_samples"
FEWEST_ROWS = 30  # of a level: with fewer, scores say more about the rows than about the parameters
ROWS_SALT = 0xF1DE  # keeps the seeds of the rows apart from others


def check_fidelity(fidelity: str | None, estimator: Estimator, space: Space) -> None:
    """Check that a search can be screened by a parameter.

    Args:
        fidelity: as `SearchCV` has it.
        estimator: what is tuned, as the user made it.
        space: what is searched.

    Raises:
        ValueError: the estimator has no such parameter, its value is no whole number above 1, or it is searched too.
    """
    if fidelity is None or fidelity == N_SAMPLES:
        return
    own = estimator.get_params()
    if fidelity not in own:
        raise ValueError(
            f"fidelity={fidelity!r}: {type(estimator).__name__} has no such parameter"
            f"{did_you_mean(fidelity, [*own, N_SAMPLES])}; give the name of one that counts rounds or iterations, or "
            f"{N_SAMPLES!r} for a share of the rows"
        )
    parts = fidelity.split("__")
    searched = set(space.outer_names)
    for name in ("__".join(parts[: i + 1]) for i in range(len(parts))):
        if name in searched:
            raise ValueError(
                f"fidelity={fidelity!r}: {name!r} is searched too; the fidelity is what all candidates have alike at "
                "the end, so take it out of the space and set it in the estimator"
            )
    full = own[fidelity]
    if isinstance(full, bool) or not isinstance(full, Integral) or full < 2:
        raise ValueError(
            f"fidelity={fidelity!r}: it is {shown(full)} in the estimator; set it to the number of a full fit, a whole "
            "number above 1"
        )


def make_screens(
    fidelity: str | None,
    estimator: Estimator,
    space: Space,
    splits: Sequence[Split],
    y: Data,
    classifies: bool,
    seed: int,
) -> Screens:
    """Return the screens of a search.

    Args:
        fidelity: as `SearchCV` has it, checked.
        estimator: what is tuned.
        space: what is searched, with the choices as objects.
        splits: those of the search.
        y: targets, [n_samples].
        classifies: whether each level's rows are to have the classes in the shares of all rows.
        seed: of the choice of rows, and of decisions.
    """
    if fidelity is None:
        return Screens()
    by_rows = fidelity == N_SAMPLES
    smallest = min(len(row_indices(train)) for train, _ in splits)
    full = smallest if by_rows else int(estimator.get_params()[fidelity])
    values = [full // FACTOR**power for power in (2, 1)]
    least = FEWEST_ROWS if by_rows else 1
    screens = Screens(full=full)
    first = 0  # levels differ in their folds as long as there are others
    orders: dict[int, NDArray[np.intp]] = {}
    for value, most in zip(values, FOLDS, strict=True):
        if value < least:
            continue
        folds = [(first + i) % len(splits) for i in range(min(most, len(splits)))]
        first += len(folds)
        begin = len(splits) + len(screens.splits)
        for fold in folds:
            train, test = splits[fold]
            if by_rows:
                if fold not in orders:
                    orders[fold] = _order(row_indices(train), y if classifies else None, seed + fold)
                train = np.sort(orders[fold][:value])
            screens.splits.append((train, test))
        level = Level(
            f"{fidelity}={value}",
            value,
            {} if by_rows else {fidelity: value},
            tuple(range(begin, begin + len(folds))),
            by_rows or not isinstance(estimator, Pipeline) or fidelity.startswith(f"{estimator.steps[-1][0]}__"),
        )
        screens.levels += (level,)
    if screens.levels:
        screens.judge = ScreenJudge(space, [level.label for level in screens.levels])
    else:
        caution(f"fidelity={fidelity!r} has no effect: a third of {full} is too little to tell candidates apart")
    return screens


def _order(rows: NDArray[np.intp], y: Any, seed: int) -> NDArray[np.intp]:
    """Return rows in an order of which each beginning is a random sample, with classes in their shares if `y` says so.

    Args:
        rows: training rows, [n].
        y: the classes of all rows, [n_samples]; None: there are none.
        seed: of the order.
    """
    rng = np.random.default_rng([seed, ROWS_SALT])
    rows = rng.permutation(rows)
    labels = None if y is None else np.asarray(y)[rows]
    if labels is None or labels.ndim != 1:
        return rows
    _, classes = np.unique(labels, return_inverse=True)
    place = np.empty(len(rows))
    for k in range(classes.max() + 1):
        own = np.flatnonzero(classes == k)
        place[own] = np.arange(len(own)) / len(own)  # the first of each class comes first
    return rows[np.argsort(place, kind="stable")]
