"""``GridSearchCV`` and ``RandomizedSearchCV``: scikit-learn's, on tunesmith's loop."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn import model_selection

from tunesmith.sklearn.protocols import CrossValidation, ErrorScore, Estimator, ParamGrid, RandomState, Refit, Scoring
from tunesmith.sklearn.search.base_search_cv import BaseSearchCV, without_removed


class GridSearchCV(BaseSearchCV, model_selection.GridSearchCV):
    """Tries every combination of a grid. A drop-in for ``sklearn.model_selection.GridSearchCV``.

    Args:
        estimator: what to tune.
        param_grid: parameter names to lists of values, or a list of such dicts.
        scoring: the metric: a name, a function, or several of them; None: the estimator's ``score``.
        n_jobs: how many fits run at once, by joblib's rules.
        refit: whether to fit the best candidate on all rows; the metric that decides, of several; or a function.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows.
        verbose: how much to print, 0 to 10.
        pre_dispatch: how many pieces of work may be under way at once, such as "2*n_jobs".
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        return_train_score: whether to score the training rows too.
        storage: where to keep finished candidates, so that ``fit`` resumes the search; see `BaseSearchCV`.
        study_name: the study's name in the storage.
        progress: whether to show how it goes, in a line; None: in a terminal or a notebook. See `BaseSearchCV`.

    Attributes:
        cv_results_: as scikit-learn has it, like all other attributes of its class. A fit time counts shared pipeline
            steps in full for every candidate, so it says what the candidate costs by itself.
        honest_score_: what `best_params_` can be expected to score on new rows; computed when first asked for, see
            `BaseSearchCV`.
        report_: the same and more in sentences.
        study_: the `Study`, if a storage was given.

    Example:
        ```python
        from sklearn.datasets import load_wine
        from sklearn.svm import SVC

        from tunesmith.sklearn import GridSearchCV

        X, y = load_wine(return_X_y=True)
        search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3).fit(X, y)
        print(search.best_params_, search.best_score_)
        ```
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **model_selection.GridSearchCV._parameter_constraints,
        **BaseSearchCV._parameter_constraints,
    }

    @without_removed
    def __init__(
        self,
        estimator: Estimator,
        param_grid: ParamGrid,
        *,
        scoring: Scoring = None,
        n_jobs: int | None = None,
        refit: Refit = True,
        cv: CrossValidation = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: ErrorScore = np.nan,
        return_train_score: bool = False,
        storage: Any = None,
        study_name: str | None = None,
        progress: bool | None = None,
    ) -> None:
        self._store_arguments(locals())


class RandomizedSearchCV(BaseSearchCV, model_selection.RandomizedSearchCV):
    """Tries a number of combinations drawn at random. A drop-in for ``sklearn.model_selection.RandomizedSearchCV``.

    Args:
        estimator: what to tune.
        param_distributions: parameter names to lists of values or to distributions with ``rvs``, or a list of such
            dicts.
        n_iter: how many combinations to draw.
        random_state: seeds the draws.
        scoring: the metric: a name, a function, or several of them; None: the estimator's ``score``.
        n_jobs: how many fits run at once, by joblib's rules.
        refit: whether to fit the best candidate on all rows; the metric that decides, of several; or a function.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows.
        verbose: how much to print, 0 to 10.
        pre_dispatch: how many pieces of work may be under way at once, such as "2*n_jobs".
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        return_train_score: whether to score the training rows too.
        storage: where to keep finished candidates, so that ``fit`` resumes the search; see `BaseSearchCV`.
        study_name: the study's name in the storage.
        progress: whether to show how it goes, in a line; None: in a terminal or a notebook. See `BaseSearchCV`.

    Attributes:
        cv_results_: as scikit-learn has it, like all other attributes of its class. A fit time counts shared pipeline
            steps in full for every candidate, so it says what the candidate costs by itself.
        honest_score_: what `best_params_` can be expected to score on new rows; computed when first asked for, see
            `BaseSearchCV`.
        report_: the same and more in sentences.
        study_: the `Study`, if a storage was given.

    Example:
        ```python
        from scipy.stats import loguniform
        from sklearn.datasets import load_wine
        from sklearn.svm import SVC

        from tunesmith.sklearn import RandomizedSearchCV

        X, y = load_wine(return_X_y=True)
        search = RandomizedSearchCV(SVC(), {"C": loguniform(1e-2, 1e3)}, n_iter=5, cv=3, random_state=0).fit(X, y)
        print(search.best_params_, search.best_score_)
        ```
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **model_selection.RandomizedSearchCV._parameter_constraints,
        **BaseSearchCV._parameter_constraints,
    }

    @without_removed
    def __init__(
        self,
        estimator: Estimator,
        param_distributions: ParamGrid,
        *,
        n_iter: int = 10,
        scoring: Scoring = None,
        n_jobs: int | None = None,
        refit: Refit = True,
        cv: CrossValidation = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: RandomState = None,
        error_score: ErrorScore = np.nan,
        return_train_score: bool = False,
        storage: Any = None,
        study_name: str | None = None,
        progress: bool | None = None,
    ) -> None:
        self._store_arguments(locals())

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate the drawn candidates."""
        drawn = model_selection.ParameterSampler(self.param_distributions, self.n_iter, random_state=self._seed())
        context = callback_ctx.subcontext(
            task_name="search", max_subtasks=len(drawn) * self.n_splits_, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        evaluate_candidates(drawn, callback_ctx=context)
        context.call_on_fit_task_end(estimator=self)
