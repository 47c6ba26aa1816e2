"""What a fitted `OptunaSearchCV` has: the results of its study, and the methods of its best estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.sklearn.protocols import Data


def _has(name: str) -> Callable[[Any], bool]:
    """Return what tells whether the best estimator, or before the fit the given one, has a method."""

    def there(search: Any) -> bool:
        if not search.refit:
            raise AttributeError(f"{name} needs OptunaSearchCV(refit=True)")
        getattr(getattr(search, "best_estimator_", search.estimator), name)
        return True

    return there


class FittedSearch:
    """The part of `OptunaSearchCV` that reads, after ``fit``."""

    study_: Any
    best_estimator_: Any
    refit: bool

    # -- what was found --------------------------------------------------------------------------------------------

    @property
    def best_trial_(self) -> FrozenTrial:
        """The best trial."""
        self._check_is_fitted()
        best: FrozenTrial = self.study_.best_trial
        return best

    @property
    def best_index_(self) -> int:
        """The number of the best trial."""
        return self.best_trial_.number

    @property
    def best_params_(self) -> dict[str, Any]:
        """The parameters of the best trial."""
        return self.best_trial_.params

    @property
    def best_score_(self) -> float:
        """The mean score of the best trial over the folds; it is the best of many, and so too good."""
        value = self.best_trial_.value
        return float("nan") if value is None else value

    @property
    def trials_(self) -> list[FrozenTrial]:
        """All trials."""
        self._check_is_fitted()
        trials: list[FrozenTrial] = self.study_.trials
        return trials

    @property
    def n_trials_(self) -> int:
        """How many trials there are."""
        return len(self.trials_)

    @property
    def cv_results_(self) -> dict[str, list[Any]]:
        """The scores of all trials: one list a column, None where a trial has none."""
        columns = dict.fromkeys(name for trial in self.trials_ for name in trial.user_attrs)
        return {name: [trial.user_attrs.get(name) for trial in self.trials_] for name in columns}

    @property
    def user_attrs_(self) -> Mapping[str, Any]:
        """The user attributes of the study."""
        self._check_is_fitted()
        attrs: Mapping[str, Any] = self.study_.user_attrs
        return attrs

    @property
    def trials_dataframe(self) -> Callable[..., Any]:
        """The study's ``trials_dataframe``."""
        self._check_is_fitted()
        frame: Callable[..., Any] = self.study_.trials_dataframe
        return frame

    @property
    def set_user_attr(self) -> Callable[..., None]:
        """The study's ``set_user_attr``."""
        self._check_is_fitted()
        method: Callable[..., None] = self.study_.set_user_attr
        return method

    # -- what the best estimator does ------------------------------------------------------------------------------

    @property
    def classes_(self) -> Any:
        """The labels of the classes."""
        return self._best().classes_

    @property
    def n_features_in_(self) -> int:
        """How many columns the best estimator was fitted to."""
        if not hasattr(self, "best_estimator_"):
            raise AttributeError("OptunaSearchCV has no n_features_in_ before it is fitted with refit=True")
        return int(self.best_estimator_.n_features_in_)

    @available_if(_has("predict"))
    def predict(self, X: Data, **params: Any) -> Any:
        """Return the best estimator's predictions.

        Args:
            X: rows.
            **params: arguments of its ``predict``.

        Returns:
            What it predicts.
        """
        return self._best().predict(X, **params)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Data, **params: Any) -> Any:
        """Return the best estimator's probabilities.

        Args:
            X: rows.
            **params: arguments of its ``predict_proba``.

        Returns:
            Of each class.
        """
        return self._best().predict_proba(X, **params)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Data, **params: Any) -> Any:
        """Return the logarithms of the best estimator's probabilities.

        Args:
            X: rows.
            **params: arguments of its ``predict_log_proba``.

        Returns:
            Of each class.
        """
        return self._best().predict_log_proba(X, **params)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Data, **params: Any) -> Any:
        """Return the best estimator's decision function.

        Args:
            X: rows.
            **params: arguments of its ``decision_function``.

        Returns:
            Its values.
        """
        return self._best().decision_function(X, **params)

    @available_if(_has("score_samples"))
    def score_samples(self, X: Data) -> Any:
        """Return what the best estimator thinks of each row."""
        return self._best().score_samples(X)

    @available_if(_has("transform"))
    def transform(self, X: Data, **params: Any) -> Any:
        """Return rows as the best estimator transforms them.

        Args:
            X: rows.
            **params: arguments of its ``transform``.

        Returns:
            The transformed rows.
        """
        return self._best().transform(X, **params)

    @available_if(_has("inverse_transform"))
    def inverse_transform(self, X: Data, **params: Any) -> Any:
        """Return rows as they were before the best estimator transformed them.

        Args:
            X: rows.
            **params: arguments of its ``inverse_transform``.

        Returns:
            The rows.
        """
        return self._best().inverse_transform(X, **params)

    def _best(self) -> Any:
        """Return the best estimator.

        Raises:
            NotFittedError: there is none yet.
            AttributeError: the search does not refit.
        """
        self._check_is_fitted()
        if not self.refit:
            raise AttributeError("there is no best estimator: give OptunaSearchCV(refit=True)")
        return self.best_estimator_

    def _check_is_fitted(self) -> None:
        check_is_fitted(self, ["study_", *(["best_estimator_"] if self.refit else [])])
