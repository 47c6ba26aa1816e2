"""By how much the last fit, on all rows, is better than those of the folds, which have fewer.

The score of a model follows a learning curve, s(m) = s(∞) - a·m^-1/2. Two points of it, few rows and those of a fold,
tell a, and so what the step from a fold to all rows brings. The first point is a level of the search; where the data
are too small for levels, the model is fitted once more on half of the rows of each fold.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Floats
from tunesmith.tables.engine import SAFETY, Candidate, TableSearch
from tunesmith.tables.judge import Judge
from tunesmith.tables.responses import answers, fitted
from tunesmith.tables.values import take_rows

HALVES = 3  # folds whose halves are fitted, at most


def last_fit_gain(search: TableSearch, judge: Judge, candidate: Candidate, seconds: float) -> float:
    """Return by how much the score of the last fit is expected to be better, at least 0.

    Args:
        search: that has run.
        judge: of its candidates.
        candidate: the best one, whose learning curve is taken for that of all that is returned.
        seconds: that may be spent on fits; without levels and seconds it is not known: 0.
    """
    tested, table = judge.tested, judge.table
    many = len(tested.splits[0][0])
    if many >= search.n_rows:
        return 0.0
    lower = [level for level in candidate.screens if level < min(tested.numbers)]
    if lower:
        level = max(lower)
        few, at = search.split(level)
        known = candidate.known[level]
        n_few = len(few)
    else:
        at, known = _halves(search, judge, candidate, seconds)
        n_few = many // 2
    rows, whole = tested.pooled(candidate)
    both = np.isin(at, rows)
    if not both.any():
        return 0.0
    at, known = at[both], known[both]
    weight = None if table.weight is None else table.weight[at]
    y, score = table.target.y[at], table.measure.score
    better = score(y, whole[np.searchsorted(rows, at)], weight) - score(y, known, weight)
    if not math.isfinite(better):
        return 0.0
    step = (many**-0.5 - search.n_rows**-0.5) / (n_few**-0.5 - many**-0.5)
    return float(max(better, 0.0) * step)


def _halves(search: TableSearch, judge: Judge, candidate: Candidate, seconds: float) -> tuple[NDArray[np.intp], Floats]:
    """Return tested rows, and the answers of the candidate for them after fits on half of the rows of their folds."""
    table = judge.table
    rng = np.random.default_rng([table.seed, 31])
    n_classes = 0 if table.target.classes is None else len(table.target.classes)
    rows: list[NDArray[np.intp]] = []
    known: list[Floats] = []
    for train, test in judge.tested.splits[:HALVES]:
        half = np.sort(rng.permutation(train)[: len(train) // 2])
        needed = SAFETY * search.predicted(candidate.family, len(half), candidate)
        if needed > seconds or not len(half):
            break
        seconds -= needed
        weight = None if table.weight is None else table.weight[half]
        try:
            model = fitted(
                candidate.family.build(candidate.params, ends=search.clock.ends),
                take_rows(table.rows, half), table.target.y[half], weight,
            )  # fmt: skip
            found = answers(model, take_rows(table.rows, test), n_classes)
        except Exception:  # of somebody's estimator: half of the rows may be too few for it
            break
        search.n_fits += 1
        rows.append(np.asarray(test, np.intp))
        known.append(found)
    if not rows:
        return np.empty(0, np.intp), np.empty(0)
    return np.concatenate(rows), np.concatenate(known)
