"""How much each column matters for predictions of rows that a model was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit
from sklearn.base import clone
from sklearn.inspection import permutation_importance

from tunesmith.selection.intervals import variance_inflation
from tunesmith.sklearn.protocols import Data, Estimator, RandomState, Split
from tunesmith.text import block, printable

MOST_ROWS = 2000  # of a fold, that columns are shuffled on


@dataclass(frozen=True, slots=True)
class Importance:
    """What the metric loses when a column is shuffled.

    Attributes:
        column: its name, or its number.
        value: mean over folds and repeats.
        interval: of the mean, (low, high); NaN with a single fold and repeat.
    """

    column: Any
    value: float
    interval: tuple[float, float]

    def text(self) -> str:
        """Return the value and its interval."""
        low, high = self.interval
        between = "" if math.isnan(low) else f"  ({low:.4f} to {high:.4f})"
        return f"{self.value:9.4f}{between}"


@dataclass(frozen=True, slots=True)
class Importances:
    """The columns, the most important first; print it.

    Attributes:
        rows: one for each column.
        metric: what is lost.
    """

    rows: tuple[Importance, ...]
    metric: str

    def __str__(self) -> str:
        cells = [(printable(str(one.column)), one.text()) for one in self.rows]
        width = max(len(name) for name, _ in cells)
        return "\n".join([self._head(), *(f"  {name.ljust(width)}  {text}" for name, text in cells)])

    def _head(self) -> str:
        return f"What shuffling a column takes from {self.metric}, on rows that were not fitted on:"

    def _repr_html_(self) -> str:
        return block(self._head(), table=[(str(one.column), one.text()) for one in self.rows], kind="importances")


def column_importances(
    model: Estimator,
    X: Data,
    y: Any,
    sample_weight: Any,
    folds: Sequence[Split],
    scorer: Any,
    n_repeats: int,
    level: float,
    random_state: RandomState,
) -> Importances:
    """Return the importance of each column, from models that are fitted without a fold.

    The interval is that of a mean over folds whose training rows overlap (Nadeau and Bengio 2003); with one fold, of
    a mean over repeats.

    Args:
        model: whose settings are used.
        X: rows.
        y: targets.
        sample_weight: of the rows, or None.
        folds: training and test rows.
        scorer: the metric; greater is better.
        n_repeats: how often each column is shuffled on a fold.
        level: of the intervals.
        random_state: seeds the shuffling.
    """
    found = []
    rng = np.random.default_rng(0)
    for train, test in folds:
        at = test if len(test) <= MOST_ROWS else np.sort(rng.permutation(test)[:MOST_ROWS])
        fitted = clone(model).fit(_take(X, train), y[train], None if sample_weight is None else sample_weight[train])
        made = permutation_importance(
            fitted, _take(X, at), y[at], scoring=scorer, n_repeats=n_repeats, random_state=random_state
        )
        found.append(made.importances)
    by_fold = np.stack(found)  # [folds, columns, repeats]
    values = by_fold.mean(axis=(0, 2))
    if len(found) > 1:
        samples, inflation = by_fold.mean(axis=2).T, variance_inflation(len(found))
    else:
        samples, inflation = by_fold[0], 1.0
    n = samples.shape[1]
    half = np.full(len(values), math.nan)
    if n > 1:
        error = np.sqrt(inflation * samples.var(axis=1, ddof=1) / n)
        half = float(stdtrit(n - 1, 0.5 + level / 2)) * error
    names = list(X.columns) if hasattr(X, "columns") else list(range(len(values)))
    rows = [Importance(c, float(v), (float(v - h), float(v + h))) for c, v, h in zip(names, values, half, strict=True)]
    rows.sort(key=lambda one: -one.value)
    return Importances(tuple(rows), getattr(scorer, "_score_func", scorer).__name__)


def _take(X: Any, rows: Any) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
