"""Types at the edge to scikit-learn: what is asked of estimators, splitters and scorers of any library.

The aliases of ``Any`` say what a value is where scikit-learn takes many types and ships none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, TypeAlias

import numpy as np

Data: TypeAlias = Any  # rows, targets or one value for each row, in any form that scikit-learn can index
Params: TypeAlias = dict[str, Any]  # parameters of an estimator by name
ParamGrid: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]  # names to lists or distributions
Split: TypeAlias = tuple[Any, Any]  # training and test rows, as indices or masks
Scores: TypeAlias = Any  # of one fit: a number, or metric names to numbers
Results: TypeAlias = dict[str, Any]  # columns by name, as in ``cv_results_``


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


class CallbackContext(Protocol):
    """A node of the task tree that scikit-learn's callbacks see."""

    def subcontext(self, **task: Any) -> CallbackContext:
        """Return the context of a part of the task."""

    def call_on_fit_task_begin(self, **data: Any) -> Self:
        """Note that the task begins."""

    def call_on_fit_task_end(self, **data: Any) -> Any:
        """Note that the task has ended."""

    def propagate_callback_context(self, estimator: Any) -> AbstractContextManager[Any]:
        """Give the context to an estimator while it is fitted."""


class Search(Protocol):
    """The settings of a search that its parts read."""

    estimator: Any
    scoring: Any
    refit: Any
    cv: Any
    verbose: int
    pre_dispatch: int | str
    error_score: Any
    return_train_score: bool
    storage: Any
    share_steps: bool
    n_splits_: int
    _checked_cv_orig: Splitter

    def _format_results(self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None) -> Results:
        """Return ``cv_results_``, as scikit-learn's base class makes it."""


Scoring: TypeAlias = str | Callable[..., Scores] | Iterable[str] | Mapping[str, str | Callable[..., Scores]] | None
CrossValidation: TypeAlias = int | Splitter | Iterable[Split] | None
Refit: TypeAlias = bool | str | Callable[[Results], int]
ErrorScore: TypeAlias = float | str
RandomState: TypeAlias = int | np.random.RandomState | None
