"""How much each column matters for predictions of rows that a model was not fitted on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from sklearn.inspection import permutation_importance

from tunesmith.foundation.languages import say, told
from tunesmith.foundation.text import printable
from tunesmith.selection.intervals import variance_inflation
from tunesmith.sklearn.protocols import Data, RandomState, Split
from tunesmith.tables.responses import Measure
from tunesmith.tables.values import take_rows


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
        between = "" if math.isnan(low) else f"  ({told(say('{} to {}', f'{low:.4f}', f'{high:.4f}'))})"
        return f"{self.value:9.4f}{between}"


@dataclass(frozen=True, slots=True)
class Importances:
    """The columns, the most important first; print it.

    Attributes:
        rows: one for each column.
        metric: what is lost.
        is_error: whether it is an error, which grows.
    """

    rows: tuple[Importance, ...]
    metric: str
    is_error: bool = False

    def __str__(self) -> str:
        cells = [(printable(str(one.column)), one.text()) for one in self.rows]
        width = max(len(name) for name, _ in cells)
        return "\n".join([told(self._head()), *(f"  {name.ljust(width)}  {text}" for name, text in cells)])

    def _head(self) -> str:
        does = "adds to" if self.is_error else "takes from"
        return f"What shuffling a column {does} {self.metric}, on rows that were not fitted on:"

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import card, interval  # only notebooks need it

        known = [end for one in self.rows for end in (0.0, one.value, *one.interval) if math.isfinite(end)]
        ends = (min(known, default=0.0), max(known, default=1.0))
        rows = [
            (str(one.column), interval(one.interval[0], one.value, one.interval[1], ends=ends), one.text().strip())
            for one in self.rows
        ]
        return card(self._head(), rows, kind="importances")


def column_importances(
    model: Any,
    X: Data,
    codes: NDArray[Any],
    sample_weight: Any,
    folds: Sequence[Split],
    measure: Measure,
    n_repeats: int,
    level: float,
    random_state: RandomState,
    seconds: float = math.inf,
) -> Importances:
    """Return the importance of each column, from models that are fitted without a fold.

    The interval is that of a mean over folds whose training rows overlap (Nadeau and Bengio 2003); with one fold, of
    a mean over repeats.

    Args:
        model: a `TableClassifier` or a `TableRegressor`, fitted, whose columns and settings are used.
        codes: targets as models take them: codes of classes, or numbers.
        n_repeats: how often each column is shuffled on a fold.
        level: of the intervals.
        random_state: seeds the shuffling.
        seconds: that there are; a further fold is begun if it fits in.
    """
    found, start = [], time.monotonic()
    rng, y = np.random.default_rng(0), measure.labels(codes)
    for k, (train, test) in enumerate(folds):
        if k and (time.monotonic() - start) * (k + 1) / k > seconds:
            break
        at = test if len(test) <= 2000 else np.sort(rng.permutation(test)[:2000])
        fitted = model.refitted(X, codes, train, sample_weight)
        part = take_rows(X, at)
        made = permutation_importance(
            fitted,
            part.toarray() if hasattr(part, "toarray") else part,
            y[at],
            scoring=measure.scorer,
            n_repeats=n_repeats,
            random_state=random_state,
            sample_weight=None if sample_weight is None else sample_weight[at],
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
    names = getattr(model, "feature_names_in_", range(len(values)))
    rows = [Importance(c, float(v), (float(v - h), float(v + h))) for c, v, h in zip(names, values, half, strict=True)]
    rows.sort(key=lambda one: -one.value)
    return Importances(tuple(rows), measure.label.name, measure.label.sign < 0)
