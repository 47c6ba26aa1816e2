"""``GridSearchCV`` and ``RandomizedSearchCV``: scikit-learn's, on our engine."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn import model_selection

from tunesmith.sklearn.protocols import (
    CrossValidation,
    ErrorScore,
    Estimator,
    RandomState,
    Refit,
    Scoring,
)
from tunesmith.sklearn.search.base import BaseSearchCV


class GridSearchCV(BaseSearchCV, model_selection.GridSearchCV):
    """Tries every combination of a grid. A drop-in for ``sklearn.model_selection.GridSearchCV``.

    Args:
        estimator: what to tune.
        param_grid: parameter names to lists of values, or a list of such dicts.
        scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: as scikit-learn has them.
        storage, study_name, progress, share_steps: see :class:`BaseSearchCV`.

    Attributes:
        cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_,
        multimetric_, classes_, n_features_in_, feature_names_in_: as scikit-learn has them. A fit time counts shared
            pipeline steps in full for every candidate, so it says what the candidate costs by itself.
        honest_score_, report_: what `best_params_` can be expected to score on new rows, as figures and in sentences;
            worked out when first asked for, see :class:`BaseSearchCV`.
        study_: the :class:`~tunesmith.study.Study`, if a storage was given.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **model_selection.GridSearchCV._parameter_constraints,
        **BaseSearchCV._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Estimator,
        param_grid: Any,
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
        progress: bool = False,
        share_steps: bool = True,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            storage=storage,
            study_name=study_name,
            progress=progress,
            share_steps=share_steps,
        )
        self.param_grid = param_grid


class RandomizedSearchCV(BaseSearchCV, model_selection.RandomizedSearchCV):
    """Tries a number of combinations drawn at random. A drop-in for ``sklearn.model_selection.RandomizedSearchCV``.

    Args:
        estimator: what to tune.
        param_distributions: parameter names to lists of values or to distributions with ``rvs``, or a list of such
            dicts.
        n_iter: how many combinations to draw.
        random_state: seeds the draws.
        scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: as scikit-learn has them.
        storage, study_name, progress, share_steps: see :class:`BaseSearchCV`.

    Attributes:
        cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_,
        multimetric_, classes_, n_features_in_, feature_names_in_: as scikit-learn has them. A fit time counts shared
            pipeline steps in full for every candidate, so it says what the candidate costs by itself.
        honest_score_, report_: what `best_params_` can be expected to score on new rows, as figures and in sentences;
            worked out when first asked for, see :class:`BaseSearchCV`.
        study_: the :class:`~tunesmith.study.Study`, if a storage was given.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **model_selection.RandomizedSearchCV._parameter_constraints,
        **BaseSearchCV._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Estimator,
        param_distributions: Any,
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
        progress: bool = False,
        share_steps: bool = True,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            storage=storage,
            study_name=study_name,
            progress=progress,
            share_steps=share_steps,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate the drawn candidates.

        Without a ``random_state`` the draws of a search that is kept follow from its study, so that a search that
        is started again meets the candidates it has finished.
        """
        seed = self.random_state
        if seed is None and self.storage is not None:
            seed = self.study_.seed % 2**32
        drawn = model_selection.ParameterSampler(self.param_distributions, self.n_iter, random_state=seed)
        context = callback_ctx.subcontext(
            task_name="search", max_subtasks=len(drawn) * self.n_splits_, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        evaluate_candidates(drawn, callback_ctx=context)
        context.call_on_fit_task_end(estimator=self)
