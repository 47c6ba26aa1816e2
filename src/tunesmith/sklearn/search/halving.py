"""``HalvingGridSearchCV`` and ``HalvingRandomSearchCV``: scikit-learn's successive halving, on tunesmith's loop."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.sklearn import _compat
from tunesmith.sklearn.protocols import (
    CallbackContext,
    CrossValidation,
    Data,
    ErrorScore,
    Estimator,
    ParamGrid,
    RandomState,
    Refit,
    Scoring,
)
from tunesmith.sklearn.search.base_search_cv import BaseSearchCV, without_removed
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.space import Int

NOT_OF_HALVING = "pre_dispatch"  # scikit-learn's halving searches do not have it


class BaseHalving(BaseSearchCV):
    """The common base of both. scikit-learn decides on the iterations; this class evaluates and stores them.

    scikit-learn's class follows this one among the bases of each.
    """

    pre_dispatch = "2*n_jobs"  # scikit-learn's halving searches do not have this parameter
    resource: str
    max_resources_: int

    def fit(self, X: Data, y: Data = None, **params: Any) -> BaseHalving:
        """Halve the candidates until few are left, and fit the best one on all rows; see `BaseSearchCV.fit`.

        Args:
            X: training rows.
            y: targets; None if there are none.
            **params: arguments of ``fit``, of the scorer and of the splitter.

        Raises:
            ValueError: also if the resources do not allow the search, or the score is not one number.
        """
        self._n_samples_orig = _compat.count_rows(X)
        super().fit(X, y, **params)
        self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        return self

    def _rivals(self, index: int) -> NDArray[np.bool_]:
        """Return which candidates the one at `index` was chosen among: those of its iteration."""
        iterations = np.asarray(self.cv_results_["iter"])
        return np.asarray(iterations == iterations[index])

    def _declared(self) -> Any:
        declared = super()._declared()
        if self.resource == "n_samples":
            return declared
        amount = {self.resource: Int(1, self.max_resources_)}
        if isinstance(declared, list):
            return [{**branch, **amount} for branch in declared]
        return {**declared, **amount}

    def _run_search(self, evaluate_candidates: Evaluation, *, callback_ctx: CallbackContext | None = None) -> None:
        """Run scikit-learn's iterations."""
        store = evaluate_candidates.store
        if store is not None:
            # a study belongs to the splits of all rows; the rows of an iteration are part of each candidate's key, so
            # that another schedule goes on with what it has in common with the one before
            evaluate_candidates.open(store, evaluate_candidates.splits(self._checked_cv_orig))

        def evaluate(
            candidates: Any, cv: Any, *, more_results: dict[str, list[Any]], callback_ctx: CallbackContext | None = None
        ) -> dict[str, Any]:
            if isinstance(cv, _compat.SubsampleSplitter):
                cv.random_state = self._seed()
            iteration = {name: int(values[0]) for name, values in more_results.items()}
            if store is not None:
                store.note = iteration  # of each of its candidates
            if evaluate_candidates.progress is not None:
                rung, amount = iteration["iter"], iteration["n_resources"]
                number = "1 candidate" if len(candidates) == 1 else f"{len(candidates)} candidates"
                evaluate_candidates.progress.heading = f"iter {rung}: {number}, {self.resource}={amount}"
            results = evaluate_candidates(candidates, cv, more_results, callback_ctx)
            if "mean_test_score" not in results:
                names = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
                raise ValueError(
                    f"successive halving compares candidates by one number, but the scoring function returned several "
                    f"({', '.join(names)}); return the one that decides"
                )
            return results

        _compat.run_search(super()._run_search, evaluate, callback_ctx)


def rules(theirs: Any, ours: Any) -> dict[str, list[Any]]:
    """Return the rules for parameters: scikit-learn's for its own, ours for the rest."""
    both = {**ours._parameter_constraints, **theirs._parameter_constraints}
    both.pop(NOT_OF_HALVING)
    both["factor"] = [_compat.Interval(Real, 1, None, closed="neither")]  # with 1 or less, no candidate would drop out
    return both


class HalvingGridSearchCV(BaseHalving, _compat.HalvingGridSearchCV):
    """Tries all points of a grid with little of a resource, and the better ones with more, iteration by iteration.

    A drop-in for scikit-learn's class of this name, without the import that enables it there.

    Args:
        estimator: what to tune.
        param_grid: parameter names to lists of values, or a list of such dicts.
        factor: one in so many candidates goes on to the next iteration, with so many times the resource; above 1.
        resource: "n_samples", or a parameter of the estimator that takes a number, such as "n_estimators".
        max_resources: the most that a candidate gets; "auto": all rows.
        min_resources: what a candidate gets in the first iteration; "smallest": a few rows for each class and fold, or
            1; "exhaust": so much that the last iteration comes as close to `max_resources` as can be.
        aggressive_elimination: whether to repeat the first iteration where the resource does not suffice to bring the
            candidates down to `factor`.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows; with the same splits each time it
            is asked.
        scoring: a name, or a function ``(estimator, X, y) -> float``; None: the estimator's ``score``.
        refit: whether to fit the best candidate of the last iteration on all rows.
        random_state: seeds the choice of rows.
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        return_train_score: whether to score the training rows too.
        n_jobs: how many fits run at once, by joblib's rules.
        verbose: how much to print, 0 to 10.
        storage: where to keep finished candidates, so that ``fit`` resumes the search; see `BaseSearchCV`.
        study_name: the study's name in the storage.
        progress: whether to show how it goes, in a line; None: in a terminal or a notebook. See `BaseSearchCV`.

    Attributes:
        n_resources_: how much of the resource a candidate got, of each iteration.
        n_candidates_: how many candidates there were, of each iteration.
        n_iterations_: how many iterations there were.
        n_required_iterations_: how many it takes to come down to `factor` candidates.
        n_possible_iterations_: how many the resource allows.
        min_resources_: the resource in the first iteration, as a number.
        max_resources_: the most that a candidate could get, as a number.
        n_remaining_candidates_: how many would have gone on after the last iteration.
        cv_results_: as of the other searches, with the columns "iter" and "n_resources".
        best_params_: of the last iteration, like all that is best. Other attributes are as scikit-learn has them.
        honest_score_: what `best_params_` can be expected to score on new rows; computed when first asked for, see
            `BaseSearchCV`.
        report_: the same and more in sentences.
        study_: the `Study`, if a storage was given. Each trial has "iter" and "n_resources"
            among its ``user_attrs``; the study's best trial may be one of an earlier iteration.

    Example:
        ```python
        from sklearn.datasets import load_wine
        from sklearn.svm import SVC

        from tunesmith.sklearn import HalvingGridSearchCV

        X, y = load_wine(return_X_y=True)
        search = HalvingGridSearchCV(SVC(), {"C": [0.01, 0.1, 1, 10]}, cv=3, random_state=0).fit(X, y)
        print(search.best_params_, search.n_candidates_)
        ```
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = rules(_compat.HalvingGridSearchCV, BaseHalving)

    @without_removed
    def __init__(
        self,
        estimator: Estimator,
        param_grid: ParamGrid,
        *,
        factor: float = 3,
        resource: str = "n_samples",
        max_resources: int | str = "auto",
        min_resources: int | str = "exhaust",
        aggressive_elimination: bool = False,
        cv: CrossValidation = 5,
        scoring: Scoring = None,
        refit: Refit = True,
        error_score: ErrorScore = np.nan,
        return_train_score: bool = True,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        storage: Any = None,
        study_name: str | None = None,
        progress: bool | None = None,
    ) -> None:
        self._store_arguments(locals())


class HalvingRandomSearchCV(BaseHalving, _compat.HalvingRandomSearchCV):
    """Draws candidates at random, tries them with little of a resource, and the better ones with more.

    A drop-in for scikit-learn's class of this name, without the import that enables it there.

    Args:
        estimator: what to tune.
        param_distributions: parameter names to lists of values or to distributions with ``rvs``, or a list of such
            dicts.
        n_candidates: how many to draw; "exhaust": so many that the last iteration comes as close to `max_resources` as
            can be.
        min_resources: what a candidate gets in the first iteration; "smallest": a few rows for each class and fold, or
            1; "exhaust", if `n_candidates` is a number: so much that the last iteration comes as close to
            `max_resources` as can be.
        random_state: seeds the draws and the choice of rows.
        factor: one in so many candidates goes on to the next iteration, with so many times the resource; above 1.
        resource: "n_samples", or a parameter of the estimator that takes a number, such as "n_estimators".
        max_resources: the most that a candidate gets; "auto": all rows.
        aggressive_elimination: whether to repeat the first iteration where the resource does not suffice to bring the
            candidates down to `factor`.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows; with the same splits each time it
            is asked.
        scoring: a name, or a function ``(estimator, X, y) -> float``; None: the estimator's ``score``.
        refit: whether to fit the best candidate of the last iteration on all rows.
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        return_train_score: whether to score the training rows too.
        n_jobs: how many fits run at once, by joblib's rules.
        verbose: how much to print, 0 to 10.
        storage: where to keep finished candidates, so that ``fit`` resumes the search; see `BaseSearchCV`.
        study_name: the study's name in the storage.
        progress: whether to show how it goes, in a line; None: in a terminal or a notebook. See `BaseSearchCV`.

    Fitted, it has the attributes of `HalvingGridSearchCV`.

    Example:
        ```python
        from scipy.stats import loguniform
        from sklearn.datasets import load_wine
        from sklearn.svm import SVC

        from tunesmith.sklearn import HalvingRandomSearchCV

        X, y = load_wine(return_X_y=True)
        search = HalvingRandomSearchCV(SVC(), {"C": loguniform(1e-2, 1e3)}, cv=3, random_state=0).fit(X, y)
        print(search.best_params_, search.n_candidates_)
        ```
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = rules(_compat.HalvingRandomSearchCV, BaseHalving)

    @without_removed
    def __init__(
        self,
        estimator: Estimator,
        param_distributions: ParamGrid,
        *,
        n_candidates: int | str = "exhaust",
        factor: float = 3,
        resource: str = "n_samples",
        max_resources: int | str = "auto",
        min_resources: int | str = "smallest",
        aggressive_elimination: bool = False,
        cv: CrossValidation = 5,
        scoring: Scoring = None,
        refit: Refit = True,
        error_score: ErrorScore = np.nan,
        return_train_score: bool = True,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        storage: Any = None,
        study_name: str | None = None,
        progress: bool | None = None,
    ) -> None:
        self._store_arguments(locals())

    def _generate_candidate_params(self) -> Any:
        drawn = super()._generate_candidate_params()
        drawn.random_state = self._seed()
        return drawn
