"""What the space of an estimator may depend on: its own values, and sizes and scales of the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter

TYPICAL_ROWS, TYPICAL_COLUMNS = 1000, 20  # where no data are given


@dataclass(frozen=True, slots=True)
class About:
    """An estimator and the data that it is going to be fitted to.

    Attributes:
        estimator: whose space is wanted.
        n_rows: rows of the data; a fold has fewer.
        n_columns: columns that the estimator gets, as far as it is known what earlier steps leave.
        variance: mean variance of the values of a column that it gets.
        n_classes: number of classes; 0: the target is a number, or there is none.
        smallest_class: share of the rows that the smallest class has; 1 without classes.
        spread: standard deviation of the target; 1 with classes.
    """

    estimator: Any
    n_rows: int = TYPICAL_ROWS
    n_columns: int = TYPICAL_COLUMNS
    variance: float = 1.0
    n_classes: int = 0
    smallest_class: float = 1.0
    spread: float = 1.0

    @classmethod
    @checked()
    def of(cls, estimator: Any, X: Any = None, y: Any = None) -> About:
        """Return what is known of an estimator and its data.

        Args:
            estimator: whose space is wanted.
            X: rows, array-like of shape (n_samples, n_features), a list of texts, or None.
            y: targets, (n_samples,) or (n_samples, n_outputs), or None.

        Returns:
            what is known; typical sizes stand in for data that are not given.

        Raises:
            TypeError: X has no rows.
        """
        n_rows, n_columns, variance = _sizes(X)
        n_classes, smallest, spread = _target(y, is_classifier(estimator))
        return cls(estimator, n_rows, n_columns, variance, n_classes, smallest, spread)

    @checked()
    def own(self, name: str) -> Any:
        """Return the estimator's own value of a parameter; None if it tells none."""
        return own_values(self.estimator).get(name)

    def inside(
        self,
        estimator: Any,
        n_columns: int | None = None,
        variance: float | None = None,
        transforms: bool = False,
    ) -> Inside:
        """Return the place of an estimator inside of this one.

        Args:
            estimator: the inner one; None or a word such as "passthrough" has no space.
            n_columns: how many columns it gets; None: as many as this one.
            variance: of their values; None: the same.
            transforms: whether it is used to transform alone. One that nobody knows is left as it is then.

        Returns:
            what a function of a space returns for it.
        """
        columns = self.n_columns if n_columns is None else n_columns
        scale = self.variance if variance is None else variance
        return Inside(replace(self, estimator=estimator, n_columns=columns, variance=scale), transforms=transforms)


@dataclass(frozen=True, slots=True)
class Inside:
    """An estimator inside of another one, whose space is joined with a prefix.

    Attributes:
        about: the inner estimator.
        when: the values of the outer one's parameters while it is used; None: always.
        transforms: whether it is used to transform alone, though it may predict too, as `KMeans` does.
    """

    about: About
    when: Mapping[str, Any] | None = None
    transforms: bool = False


Family = Callable[[About], Mapping[str, "Parameter | Inside"]]
"""Makes the space of one kind of estimator: parameters by name, and the estimators inside of it."""


def own_values(estimator: Any) -> dict[str, Any]:
    """Return the values of an estimator's own parameters, those of inner estimators left out."""
    try:
        return dict(estimator.get_params(deep=False))
    except TypeError:  # get_params of a class that is not scikit-learn's
        return dict(estimator.get_params())


def is_classifier(estimator: Any) -> bool:
    """Tell whether an estimator predicts classes, by scikit-learn's conventions, old and new."""
    return kind_of(estimator) == "classifier"


def kind_of(estimator: Any) -> str | None:
    """Return "classifier", "regressor", "clusterer", ..., or None."""
    tags = getattr(estimator, "__sklearn_tags__", None)
    if tags is not None:
        try:
            kind: str | None = tags().estimator_type
        except Exception:  # tags of an estimator that holds something without any
            kind = None
        if kind is not None:
            return str(kind)
    kind = getattr(estimator, "_estimator_type", None)
    return kind if isinstance(kind, str) else None


def tidy(number: float) -> float:
    """Return a number with three significant digits, as people write ranges."""
    return float(f"{number:.3g}")


def _sizes(X: Any) -> tuple[int, int, float]:
    """Return the number of rows and columns, and the mean variance of a numeric column."""
    if X is None:
        return TYPICAL_ROWS, TYPICAL_COLUMNS, 1.0
    shape = tuple(getattr(X, "shape", None) or np.shape(np.asarray(X, dtype=object)))
    if not shape:
        raise TypeError(f"X is a table of rows, shape (n_samples, n_features), or a list of texts; got {shown(X)}")
    n_columns = int(shape[1]) if len(shape) > 1 else TYPICAL_COLUMNS  # texts have columns once they are counted
    return max(int(shape[0]), 1), max(n_columns, 1), _variance(X) if len(shape) > 1 else 1.0


def _variance(X: Any) -> float:
    """Return the variance of all values, as ``gamma="scale"`` takes it; 1 if they are no numbers."""
    try:
        if hasattr(X, "select_dtypes"):
            X = X.select_dtypes("number")
        if hasattr(X, "multiply") and hasattr(X, "mean"):  # sparse
            found = float(X.multiply(X).mean() - X.mean() ** 2)
        else:
            found = float(np.nanvar(np.asarray(X, dtype=np.float64)))
    except (TypeError, ValueError):
        return 1.0
    return found if math.isfinite(found) and found > 0.0 else 1.0


def _target(y: Any, classifies: bool) -> tuple[int, float, float]:
    """Return the number of classes, the share of the smallest one, and the spread of a numeric target."""
    if y is None:
        return (2 if classifies else 0), (0.5 if classifies else 1.0), 1.0
    try:
        values = np.asarray(y)
        if classifies:
            if values.ndim > 1:
                return 2, 0.5, 1.0
            counts = np.unique(values, return_counts=True)[1]
            return len(counts), float(counts.min() / counts.sum()), 1.0
        spread = float(np.std(values.astype(np.float64)))
    except (TypeError, ValueError, OverflowError):
        return 0, 1.0, 1.0
    return 0, 1.0, spread if math.isfinite(spread) and spread > 0.0 else 1.0
