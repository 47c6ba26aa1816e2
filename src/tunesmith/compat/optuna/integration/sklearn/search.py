"""`OptunaSearchCV`: Optuna's search for scikit-learn's estimators, whose trials are those of a study of this library.

`tunesmith.sklearn.SearchCV` does more: it races candidates, weighs the default, and gives an honest score.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, get_tags, indexable

from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.integration.sklearn.fitted import FittedSearch
from tunesmith.compat.optuna.integration.sklearn.objective import FitsFailedError, Objective
from tunesmith.compat.optuna.samplers import TPESampler
from tunesmith.compat.optuna.study import create_study
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.sklearn._compat import check_method_params, count_rows, safe_split
from tunesmith.sklearn.protocols import CrossValidation, Data, ErrorScore, Estimator, RandomState, Scoring
from tunesmith.text import shown

Callbacks = list[Callable[[Any, FrozenTrial], None]]


class OptunaSearchCV(FittedSearch, MetaEstimatorMixin, BaseEstimator):
    """Searches the parameters of an estimator, each candidate scored by cross-validation.

    Args:
        estimator: what to tune.
        param_distributions: distributions of its parameters, by name.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows; None: five folds.
        enable_pruning: train step by step by ``partial_fit``, and let the study's pruner stop candidates.
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        max_iter: how many times ``partial_fit`` is called, where that is enabled.
        n_jobs: how many trials run at once, each in a process; None: one.
        n_trials: how many trials; None: no limit.
        random_state: seeds the sampler and the choice of rows.
        refit: whether to fit the best candidate on all rows.
        return_train_score: whether the rows trained on are scored too.
        scoring: the name of a metric, or a function; None: the estimator's ``score``. High is good.
        study: where the trials are kept, with the direction "maximize"; None: a new study in memory.
        subsample: on how many rows, or which share of them, candidates are tried.
        timeout: seconds after which no trial is started; None: no limit.
        verbose: not used.
        callbacks: called with (study, finished trial) after each trial.
        catch: exceptions that make a trial fail and do not end the search.

    Attributes:
        study_: the study.
        best_estimator_: the best candidate, fitted on all rows, if ``refit``.
        n_splits_: the number of folds.
        refit_time_: seconds that the last fit took, if ``refit``.
        sample_indices_: the rows on which candidates are tried.
        scorer_: the metric.

    Example:
        ```python
        from sklearn.datasets import load_iris
        from sklearn.svm import SVC

        import tunesmith.compat.optuna as optuna

        X, y = load_iris(return_X_y=True)
        space = {"C": optuna.distributions.FloatDistribution(1e-3, 1e3, log=True)}
        search = optuna.integration.OptunaSearchCV(SVC(), space, n_trials=5, random_state=0).fit(X, y)
        print(search.best_params_, search.best_score_)
        ```
    """

    _required_parameters = ("estimator", "param_distributions")

    def __init__(
        self,
        estimator: Estimator,
        param_distributions: Mapping[str, BaseDistribution],
        *,
        cv: CrossValidation = None,
        enable_pruning: bool = False,
        error_score: ErrorScore = np.nan,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        n_trials: int | None = 10,
        random_state: RandomState = None,
        refit: bool = True,
        return_train_score: bool = False,
        scoring: Scoring = None,
        study: Any = None,
        subsample: float | int = 1.0,
        timeout: float | None = None,
        verbose: int = 0,
        callbacks: Callbacks | None = None,
        catch: Iterable[type[Exception]] | type[Exception] = (),
    ) -> None:
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.cv = cv
        self.enable_pruning = enable_pruning
        self.error_score = error_score
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.n_trials = n_trials
        self.random_state = random_state
        self.refit = refit
        self.return_train_score = return_train_score
        self.scoring = scoring
        self.study = study
        self.subsample = subsample
        self.timeout = timeout
        self.verbose = verbose
        self.callbacks = callbacks
        self.catch = catch

    def fit(self, X: Data, y: Data = None, groups: Data = None, **fit_params: Any) -> OptunaSearchCV:
        """Try candidates, and fit the best one on all rows.

        Args:
            X: rows.
            y: their targets; None: there are none.
            groups: of the rows, for splitters that ask for them.
            **fit_params: arguments of the estimator's ``fit``; what has a value for each row is cut along with `X`.

        Returns:
            self.

        Raises:
            ValueError: an argument of the constructor is wrong, or no candidate could be fitted.
        """
        self._check()
        if y is None and get_tags(self.estimator).target_tags.required:
            name = type(self.estimator).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        X, y, groups = indexable(X, y, groups)
        random = check_random_state(self.random_state)
        n = count_rows(X)
        self.sample_indices_ = self._rows(n, random)
        rows, targets, sets, part = X, y, groups, dict(fit_params)
        if len(self.sample_indices_) < n:
            rows, targets = safe_split(self.estimator, X, y, self.sample_indices_)
            part = check_method_params(X, {**fit_params, "groups": groups}, self.sample_indices_)
            sets = part.pop("groups")
        cv = check_cv(self.cv, targets, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(rows, targets, sets)
        self.scorer_ = check_scoring(self.estimator, scoring=self.scoring)
        self.study_ = self._new_study(int(random.randint(2**31 - 1))) if self.study is None else self.study
        objective = Objective(
            self.estimator,
            self.param_distributions,
            rows,
            targets,
            sets,
            part,
            cv,
            self.scorer_,
            self.error_score,
            self.return_train_score,
            self.max_iter if self.enable_pruning else 0,
        )
        self.study_.optimize(
            objective,
            n_trials=self.n_trials,
            timeout=self.timeout,
            n_jobs=self.n_jobs or 1,
            catch=(*(self.catch if isinstance(self.catch, Iterable) else (self.catch,)), FitsFailedError),
            callbacks=self.callbacks,
        )
        if self.refit:
            if not self.study_.get_trials(states=(TrialState.COMPLETE,)):
                raise self._none_found(X, y, fit_params)
            began = time.perf_counter()
            self.best_estimator_ = self._fitted(self.study_.best_params, X, y, fit_params)
            self.refit_time_ = time.perf_counter() - began
        return self

    def score(self, X: Data, y: Data = None) -> float:
        """Return the score of the best estimator.

        Args:
            X: rows.
            y: their targets.

        Returns:
            By the metric of the search.
        """
        self._check_is_fitted()
        return float(self.scorer_(self.best_estimator_, X, y))

    # -- the parts -----------------------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = own.estimator_type
        tags.classifier_tags, tags.regressor_tags = own.classifier_tags, own.regressor_tags
        tags.input_tags.pairwise, tags.input_tags.sparse = own.input_tags.pairwise, own.input_tags.sparse
        tags.target_tags.required = own.target_tags.required
        tags.non_deterministic = True
        return tags

    def _check(self) -> None:
        """Check the arguments of the constructor.

        Raises:
            ValueError: one of them is wrong.
        """
        if not hasattr(self.estimator, "fit"):
            raise ValueError(f"estimator must be an estimator of scikit-learn; got {shown(self.estimator)}")
        if not isinstance(self.param_distributions, Mapping):
            raise ValueError(f"param_distributions must be a dict; got {shown(self.param_distributions)}")
        for name, distribution in self.param_distributions.items():
            if not isinstance(distribution, BaseDistribution):
                raise ValueError(
                    f"param_distributions[{name!r}] must be a distribution, such as "
                    f"optuna.distributions.FloatDistribution(0, 1); got {shown(distribution)}"
                )
        if self.enable_pruning and not hasattr(self.estimator, "partial_fit"):
            raise ValueError(f"enable_pruning=True needs partial_fit, and {type(self.estimator).__name__} has none")
        if self.max_iter <= 0:
            raise ValueError(f"max_iter must be 1 or more; got {shown(self.max_iter)}")
        if self.study is not None and self.study.direction != StudyDirection.MAXIMIZE:
            raise ValueError("the study must have direction='maximize': scikit-learn's scores are better when high")

    def _fitted(self, params: Mapping[str, Any], X: Data, y: Data, fit_params: Mapping[str, Any]) -> Any:
        """Return a candidate fitted on all rows."""
        estimator = clone(self.estimator).set_params(**params)
        return estimator.fit(X, *(() if y is None else (y,)), **fit_params)

    def _none_found(self, X: Data, y: Data, fit_params: Mapping[str, Any]) -> ValueError:
        """Return the error of a search in which no candidate has a score; where one cannot be fitted, that is raised.

        Args:
            X: rows.
            y: their targets.
            fit_params: arguments of the estimator's ``fit``.
        """
        trials = self.study_.get_trials()
        if trials:
            self._fitted(trials[-1].params, X, y, fit_params)
        return ValueError(f"none of {len(trials)} candidates has a score; error_score='raise' shows why")

    def _rows(self, n: int, random: np.random.RandomState) -> Any:
        """Return the rows on which candidates are tried, of n."""
        most = int(self.subsample * n) if isinstance(self.subsample, float) else int(self.subsample)
        rows = np.arange(n)
        return np.sort(random.choice(rows, most, replace=False)) if most < n else rows

    @staticmethod
    def _new_study(seed: int) -> Any:
        return create_study(direction="maximize", sampler=TPESampler(seed=seed))
