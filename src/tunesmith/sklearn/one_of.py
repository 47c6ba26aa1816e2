"""`OneOf`: one of several estimators, as a parameter: the choice between them is searched like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.sklearn.protocols import Data, Estimator


def _handed_on(name: str) -> Any:
    """Return a decorator for a method that is there if the member has it."""

    def has(one_of: OneOf) -> bool:
        return hasattr(one_of.best_ if hasattr(one_of, "best_") else one_of._member(), name)

    return available_if(has)


class OneOf(BaseEstimator):
    """An estimator that is one of several, whichever its parameter `chosen` names.

    A search over it chooses between them and tunes each, in one search. Members' parameters have the member's name
    before their own: ``svc__C``. `tunesmith.tune` makes one; in a pipeline it serves as a step.

    Args:
        estimators: pairs of a name and an estimator, all classifiers or all regressors.
        chosen: the name of the one that is fitted.

    Attributes:
        best_: the member that was fitted.

    Raises:
        ValueError: by ``fit``: there is no member of that name.

    Example:
        ```python
        from sklearn.datasets import load_wine
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.svm import SVC

        from tunesmith.sklearn import OneOf, SearchCV

        model = OneOf([("svc", SVC()), ("neighbours", KNeighborsClassifier())], chosen="svc")
        search = SearchCV(model, n_trials=12, cv=3, random_state=0).fit(*load_wine(return_X_y=True))
        print(search.best_params_)
        ```
    """

    def __init__(self, estimators: Sequence[tuple[str, Estimator]], chosen: str) -> None:
        self.estimators = estimators
        self.chosen = chosen

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Args:
            deep: whether to go on with the members, and with theirs.
        """
        found: dict[str, Any] = super().get_params(deep=False)
        pairs = self.estimators if deep and isinstance(self.estimators, list | tuple) else ()
        for name, member in pairs:  # fit says what is wrong with anything else
            found[name] = member
            found |= {f"{name}__{inner}": value for inner, value in member.get_params(deep=True).items()}
        return found

    def fit(self, X: Data, y: Data = None, **params: Any) -> OneOf:
        """Fit the chosen member.

        Args:
            X: rows.
            y: targets.
            **params: handed on to the member.

        Returns:
            self.
        """
        self.best_ = clone(self._member())
        self.best_.fit(X, y, **params)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.best_, name):
                setattr(self, name, getattr(self.best_, name))
        return self

    def _member(self) -> Estimator:
        members = dict(self.estimators)
        if self.chosen not in members:
            raise ValueError(
                f"OneOf: chosen={self.chosen!r} is no member{did_you_mean(self.chosen, members)} "
                f"(members: {listing(members)})"
            )
        return members[self.chosen]

    @_handed_on("predict")
    def predict(self, X: Data) -> Any:
        """Return what the fitted member predicts of rows X."""
        check_is_fitted(self, "best_")
        return self.best_.predict(X)

    @_handed_on("predict_proba")
    def predict_proba(self, X: Data) -> Any:
        """Return probabilities of classes [n_samples, n_classes] of rows X."""
        check_is_fitted(self, "best_")
        return self.best_.predict_proba(X)

    @_handed_on("predict_log_proba")
    def predict_log_proba(self, X: Data) -> Any:
        """Return logarithms of probabilities of classes [n_samples, n_classes] of rows X."""
        check_is_fitted(self, "best_")
        return self.best_.predict_log_proba(X)

    @_handed_on("decision_function")
    def decision_function(self, X: Data) -> Any:
        """Return the fitted member's decision values of rows X."""
        check_is_fitted(self, "best_")
        return self.best_.decision_function(X)

    @_handed_on("transform")
    def transform(self, X: Data) -> Any:
        """Return rows X as the fitted member transforms them."""
        check_is_fitted(self, "best_")
        return self.best_.transform(X)

    def score(self, X: Data, y: Data, sample_weight: Data = None) -> float:
        """Return the accuracy of classifiers, R² of regressors: the same for all members.

        Args:
            X: rows.
            y: targets.
            sample_weight: weights of the rows.

        Returns:
            the score.
        """
        measure = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        return get_tags(self._member())
