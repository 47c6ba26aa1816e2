"""Types at the edge to scikit-learn: what is asked of estimators, splitters and scorers of any library.

The aliases of ``Any`` say what a value is where scikit-learn takes many types and ships none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

Data: TypeAlias = Any  # rows, targets or one value for each row, in any form that scikit-learn can index
Params: TypeAlias = dict[str, Any]  # parameters of an estimator by name
ParamGrid: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]  # names to lists or distributions
Split: TypeAlias = tuple[Any, Any]  # training and test rows, as indices or masks
Scores: TypeAlias = Any  # of one fit: a number, or metric names to numbers
Results: TypeAlias = dict[str, Any]  # columns by name, as in ``cv_results_``
CallbackContext: TypeAlias = Any  # a node of the task tree that scikit-learn's callbacks see


class Estimator(Protocol):
    """Something to tune, as `sklearn.base.BaseEstimator` has it."""

    def get_params(self, deep: bool = True) -> Params:
        """Return the parameters by name."""

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name and return the estimator."""


class Splitter(Protocol):
    """Makes training and test rows, as `sklearn.model_selection.BaseCrossValidator` does."""

    def split(self, X: Data, y: Data = None, groups: Data = None) -> Iterable[Split]:
        """Return the splits."""

    def get_n_splits(self, X: Data = None, y: Data = None, groups: Data = None) -> int:
        """Return how many there are."""


class Scorer(Protocol):
    """Scores a fitted estimator: a scorer of scikit-learn's, or a function."""

    def __call__(self, estimator: Any, X: Data, y: Data = None, /) -> Scores:
        """Return a number, higher is better, or several by the names of metrics."""


Scoring: TypeAlias = str | Callable[..., Scores] | Iterable[str] | Mapping[str, str | Callable[..., Scores]] | None
CrossValidation: TypeAlias = int | Splitter | Iterable[Split] | None
Refit: TypeAlias = bool | str | Callable[[Results], int]
ErrorScore: TypeAlias = float | str
RandomState: TypeAlias = int | np.random.RandomState | None
