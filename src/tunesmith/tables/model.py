"""What `tunesmith.tune` returns to predict with: the preparation of columns and one model, or an average of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.sklearn.protocols import Data, Estimator
from tunesmith.tables.families import read_categories
from tunesmith.tables.responses import answers, fitted
from tunesmith.tables.target import read_target
from tunesmith.tables.values import take_rows


class _TableModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A transformer of columns, and models with weights behind it.

    Args:
        columns: makes numbers of columns (`TableColumns`); None: the models take rows as they are.
        models: pairs of a name and an unfitted estimator.
        weights: of the models, which sum to 1; None: equal ones.
    """

    def __init__(
        self,
        columns: Any = None,
        models: Sequence[tuple[str, Estimator]] = (),
        weights: Sequence[float] | None = None,
    ) -> None:
        self.columns = columns
        self.models = models
        self.weights = weights

    def fit(self, X: Data, y: Data, sample_weight: Data = None) -> Any:
        """Fit the preparation and the models anew, with the same settings.

        Args:
            X: rows, [n_samples, n_features].
            y: targets.
            sample_weight: of the rows; None: all count alike.

        Returns:
            self.
        """
        target = read_target(y, "classification" if isinstance(self, ClassifierMixin) else "regression")
        if target.kept is not None:
            at = np.flatnonzero(target.kept)
            X = take_rows(X, at)
            sample_weight = None if sample_weight is None else np.asarray(sample_weight)[at]
        if target.classes is not None:
            self.classes_ = target.classes
        columns = None if self.columns is None else clone(self.columns).fit(X)
        rows = X if columns is None else columns.transform(X)
        unfitted = [clone(model) for _, model in self.models]
        if columns is not None:
            for model in unfitted:
                read_categories(model, columns.categories_)
        return self._take(columns, [fitted(model, rows, target.y, sample_weight) for model in unfitted])

    def refitted(self, X: Data, codes: NDArray[Any], train: NDArray[np.intp], sample_weight: Any = None) -> Any:
        """Return a copy whose models are fitted on other rows, with the columns and classes that are known.

        Args:
            X: rows.
            codes: of their classes, or numbers.
            train: indices of the rows to fit.
            sample_weight: of all rows; None: all count alike.

        Returns:
            the copy, fitted.
        """
        part = take_rows(X, train)
        rows = part if self.columns_ is None else self.columns_.transform(part)
        weight = None if sample_weight is None else sample_weight[train]
        made = clone(self)._take(
            self.columns_, [fitted(clone(model), rows, codes[train], weight) for _, model in self.models]
        )
        if hasattr(self, "classes_"):
            made.classes_ = self.classes_
        return made

    def _take(self, columns: Any, models: list[Any]) -> Any:
        """Take in what has been fitted already."""
        self.columns_, self.models_ = columns, models
        for name in ("n_features_in_", "feature_names_in_"):
            if columns is not None and hasattr(columns, name):
                setattr(self, name, getattr(columns, name))
        return self

    def _answers(self, X: Data) -> Floats:
        check_is_fitted(self, "models_")
        rows = X if self.columns_ is None else self.columns_.transform(X)
        n_classes = len(self.classes_) if hasattr(self, "classes_") else 0
        weights = [1.0 / len(self.models_)] * len(self.models_) if self.weights is None else self.weights
        return np.asarray(sum(w * answers(m, rows, n_classes) for w, m in zip(weights, self.models_, strict=True)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        tags.input_tags.sparse = True
        return tags


class TableClassifier(ClassifierMixin, _TableModel):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier for tables with columns of any kind: a preparation, and one model or an average of several.

    Args:
        columns: makes numbers of columns (`TableColumns`); None: the models take rows as they are.
        models: pairs of a name and an estimator for codes of classes.
        weights: of the models, which sum to 1; None: equal ones.

    Attributes:
        classes_: the labels, sorted.
        models_: fitted.
    """

    def predict(self, X: Data) -> Any:
        """Return the classes of rows X."""
        return self.classes_[self._answers(X).argmax(axis=1)]

    def predict_proba(self, X: Data) -> Floats:
        """Return probabilities of classes [n_samples, n_classes] of rows X."""
        found = self._answers(X)
        return np.asarray(found / found.sum(axis=1, keepdims=True))


class TableRegressor(RegressorMixin, _TableModel):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor for tables with columns of any kind: a preparation, and one model or an average of several.

    Args:
        columns: makes numbers of columns (`TableColumns`); None: the models take rows as they are.
        models: pairs of a name and an estimator.
        weights: of the models, which sum to 1; None: equal ones.

    Attributes:
        models_: fitted.
    """

    def predict(self, X: Data) -> Floats:
        """Return what is predicted of rows X."""
        return self._answers(X)
