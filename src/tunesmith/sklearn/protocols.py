"""Types at the edge to scikit-learn: what is asked of estimators, splitters and scorers of any library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Params = dict[str, Any]  # parameters of an estimator by name
Split = tuple[Any, Any]  # training and test rows, as indices or masks
Splits = Sequence[Split]
Scores = Any  # of one fit: a number, or metric names to numbers


class Estimator(Protocol):
    """Something to tune, as :class:`sklearn.base.BaseEstimator` has it."""

    def fit(self, X: Any, y: Any = None, /) -> Any:
        """Fit to rows, and to targets if there are any."""

    def get_params(self, deep: bool = True) -> Params:
        """Return the parameters by name."""

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name and return the estimator."""


class Splitter(Protocol):
    """Makes training and test rows, as :class:`sklearn.model_selection.BaseCrossValidator` does."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[Split]:
        """Return the splits."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many there are."""


class Scorer(Protocol):
    """Scores a fitted estimator: a scorer of scikit-learn's, or a function."""

    def __call__(self, estimator: Any, X: Any, y: Any = None, /) -> Scores:
        """Return a number, higher is better, or several by the names of metrics."""
