"""Trees that are added until they help no more, or until the time is up: `EarlyStopped`.

The number of trees is not searched: a part of the training rows tells when more of them do not help, which costs one
fit in place of many (Prechelt 1998, "Early Stopping - But When?"). A forest has no such moment; it grows in steps, so
that it can be ended.
"""

from __future__ import annotations

import importlib
import math
import time
from dataclasses import dataclass
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tunesmith.sklearn.protocols import Data, Estimator

MOST_ROUNDS = 1000
SET_ASIDE = 0.15  # part of the training rows that tells when to stop
REFIT = 1.1  # all rows bear this many times the rounds that were best without those set aside

Part = tuple[Any, NDArray[Any], NDArray[Any] | None]  # rows, targets and weights
Limits = tuple[int, int, float]  # rounds, patience, end


def _estimator_has(name: str) -> Any:
    return available_if(lambda self: hasattr(getattr(self, "estimator_", self.estimator), name))


@dataclass(eq=False, repr=False)
class EarlyStopped(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Boosted trees with as many rounds as help on rows that are set aside; or a forest that can be ended.

    Args:
        estimator: of LightGBM, XGBoost or CatBoost, or scikit-learn's histogram boosting, forests and extra trees.
        rounds: how many; None: as many as help, up to `MOST_ROUNDS`.
        categories: indices of columns that hold codes of categories.
        ends: the time of ``time.monotonic`` after which no round is added; None: there is no such time.
        random_state: of the rows that are set aside.

    Attributes:
        estimator_: fitted.
        n_rounds_: how many rounds it uses.
    """

    estimator: Estimator
    rounds: int | None = None
    categories: tuple[int, ...] = ()
    ends: float | None = None
    random_state: int | None = 0

    def fit(self, X: Data, y: Data, sample_weight: Data = None) -> EarlyStopped:
        """Fit the estimator.

        Args:
            X: rows, [n_samples, n_features].
            y: targets; classes are codes from 0 on.
            sample_weight: of the rows; None: all count alike.

        Returns:
            self.
        """
        model, y = clone(self.estimator), np.asarray(y)
        classes = None
        if is_classifier(model):  # XGBoost takes no codes of which one in between is missing
            classes, y = np.unique(y, return_inverse=True)
        library = type(model).__module__.partition(".")[0]
        fit = {"lightgbm": _lightgbm, "xgboost": _xgboost, "catboost": _catboost}.get(library)
        if fit is None:
            fit = _histograms if hasattr(model, "max_iter") else _forest
        weight = None if sample_weight is None else np.asarray(sample_weight)
        train, aside = (X, y, weight), None
        if fit is not _forest and self.rounds is None:
            train, aside = self._parts(X, y, weight)
        rounds = self.rounds or (MOST_ROUNDS if aside is not None else 100)
        rate = model.get_params().get("learning_rate") or 0.1
        patience = int(np.clip(3.0 / float(rate), 20, 100))  # rounds without progress after which to stop
        ends = math.inf if self.ends is None else self.ends
        self.n_rounds_ = fit(model, self, train, aside, (rounds, patience, ends))
        self.estimator_ = model
        if classes is not None:
            own = np.asarray(model.classes_)
            self.classes_ = own if np.array_equal(own, classes) else classes
        return self

    def _parts(self, X: Data, y: NDArray[Any], weight: NDArray[Any] | None) -> tuple[Part, Part | None]:
        """Return the rows to fit and those to set aside; None: of so few rows these would tell nothing."""
        n, strata = len(y), None
        aside = int(SET_ASIDE * n)
        if aside < 25:
            return (X, y, weight), None
        if is_classifier(self.estimator):
            counts = np.unique(y, return_counts=True)[1]
            strata = y if counts.min() >= 2 and len(counts) <= aside else None
        kept, out = train_test_split(np.arange(n), test_size=aside, random_state=self.random_state, stratify=strata)
        if strata is None and is_classifier(self.estimator):  # the rows that are fitted have all classes
            lacking = np.setdiff1d(y, y[kept])
            moved = out[np.isin(y[out], lacking)]
            kept, out = np.concatenate([kept, moved]), np.setdiff1d(out, moved)
        first, second = ((X[at], y[at], None if weight is None else weight[at]) for at in (kept, out))
        return first, second

    def predict(self, X: Data) -> Any:
        """Return what is predicted of rows X."""
        check_is_fitted(self, "estimator_")
        found = np.asarray(self.estimator_.predict(_rows_for(self, X))).ravel()
        return self.classes_[found.astype(np.intp)] if is_classifier(self.estimator) else found

    @_estimator_has("predict_proba")  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_proba(self, X: Data) -> Any:
        """Return probabilities of classes [n_samples, n_classes] of rows X."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(_rows_for(self, X))

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)


# -- how each library is fitted ----------------------------------------------------------------------------------------


def _rows_for(owner: EarlyStopped, X: Data) -> Any:
    """Return rows in the form that the library takes: CatBoost's categories are whole numbers."""
    model = owner.estimator
    if type(model).__module__.partition(".")[0] != "catboost" or not owner.categories or not isinstance(X, np.ndarray):
        return X
    import pandas as pd

    frame = pd.DataFrame(X)
    for j in owner.categories:
        frame[j] = np.where(np.isnan(X[:, j]), -1, X[:, j]).astype(np.int64)
    return frame


def _lightgbm(model: Any, owner: EarlyStopped, train: Part, aside: Part | None, limits: Limits) -> int:
    callback = importlib.import_module("lightgbm.callback")
    rounds, patience, ends = limits

    def look(env: Any) -> None:
        if time.monotonic() > ends:
            raise callback.EarlyStopException(env.iteration, env.evaluation_result_list or [])

    look.order = 40  # type: ignore[attr-defined]  # after early stopping, which keeps the best round so far
    callbacks: list[Any] = [look] if math.isfinite(ends) else []
    more: dict[str, Any] = {"callbacks": callbacks, "categorical_feature": list(owner.categories) or "auto"}
    if aside is not None:
        own = {"eval_X": aside[0], "eval_y": aside[1]}
        if "eval_X" not in signature(model.fit).parameters:  # LightGBM before 4.7
            own = {"eval_set": [aside[:2]]}
        more |= {**own, "eval_sample_weight": None if aside[2] is None else [aside[2]]}
        callbacks.insert(0, callback.early_stopping(patience, verbose=False))
    model.set_params(n_estimators=rounds)
    model.fit(train[0], train[1], sample_weight=train[2], **more)
    return int(model.best_iteration_ or rounds)


def _xgboost(model: Any, owner: EarlyStopped, train: Part, aside: Part | None, limits: Limits) -> int:
    xgboost = importlib.import_module("xgboost")
    rounds, patience, ends = limits

    class Look(xgboost.callback.TrainingCallback):  # type: ignore[misc,name-defined]  # the module is known at run time
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return time.monotonic() > ends

    if owner.categories:
        kinds = ["c" if j in owner.categories else "q" for j in range(train[0].shape[1])]
        model.set_params(enable_categorical=True, feature_types=kinds)
    model.set_params(n_estimators=rounds, callbacks=[Look()] if math.isfinite(ends) else None)
    more: dict[str, Any] = {}
    if aside is not None:
        model.set_params(early_stopping_rounds=patience)
        more = {"eval_set": [aside[:2]], "sample_weight_eval_set": None if aside[2] is None else [aside[2]]}
    model.fit(train[0], train[1], sample_weight=train[2], verbose=False, **more)
    model.set_params(callbacks=None)
    best = None if aside is None else model.get_booster().attr("best_iteration")  # None: the time was up at once
    return int(model.get_booster().num_boosted_rounds()) if best is None else int(best) + 1


def _catboost(model: Any, owner: EarlyStopped, train: Part, aside: Part | None, limits: Limits) -> int:
    rounds, patience, ends = limits
    model.set_params(iterations=rounds)
    look = SimpleNamespace(after_iteration=lambda info: time.monotonic() < ends)
    more: dict[str, Any] = {"callbacks": [look]} if math.isfinite(ends) else {}
    if owner.categories:
        more["cat_features"] = list(owner.categories)
    if aside is not None:
        pool = importlib.import_module("catboost").Pool(
            _rows_for(owner, aside[0]), aside[1], weight=aside[2], cat_features=list(owner.categories) or None
        )
        more |= {"eval_set": pool, "early_stopping_rounds": patience, "use_best_model": True}
    model.fit(_rows_for(owner, train[0]), train[1], sample_weight=train[2], **more)
    return int(model.tree_count_)


def _histograms(model: Any, owner: EarlyStopped, train: Part, aside: Part | None, limits: Limits) -> int:
    rounds, patience, _ = limits
    model.set_params(max_iter=rounds, early_stopping=False, categorical_features=list(owner.categories) or None)
    empty = np.isnan(train[0]).all(axis=0)  # scikit-learn 1.9 finds no bins in such a column
    train = (np.where(empty, 0.0, train[0]), *train[1:]) if empty.any() else train
    if aside is None:
        model.fit(train[0], train[1], sample_weight=train[2])
        return int(model.n_iter_)
    model.set_params(early_stopping=True, n_iter_no_change=patience, validation_fraction=SET_ASIDE)
    if "X_val" in signature(model.fit).parameters:
        more = {"X_val": aside[0], "y_val": aside[1], "sample_weight_val": aside[2]}
        model.fit(train[0], train[1], sample_weight=train[2], **more)
    else:  # scikit-learn before 1.7 draws the rows itself
        X, y = np.concatenate([train[0], aside[0]]), np.concatenate([train[1], aside[1]])
        weight = None if train[2] is None or aside[2] is None else np.concatenate([train[2], aside[2]])
        model.fit(X, y, sample_weight=weight)
    return max(int(model.n_iter_) - patience, 1)


def _forest(model: Any, owner: EarlyStopped, train: Part, aside: Part | None, limits: Limits) -> int:
    ends, wanted = limits[2], owner.rounds or 100  # trees: more are never worse, and rarely better
    if getattr(model, "class_weight", None) == "balanced":  # a forest that grows in steps would warn of the word
        labels, counts = np.unique(train[1], return_counts=True)
        model.set_params(class_weight=dict(zip(labels.tolist(), counts.sum() / (len(counts) * counts), strict=True)))
    trees, start = 0, time.monotonic()
    while trees < wanted:
        grown = min(trees + 10, wanted) if math.isfinite(ends) else wanted  # between two looks at the clock
        if trees and ends - time.monotonic() > 2.0 * (wanted - trees) * (time.monotonic() - start) / trees:
            grown = wanted
        model.set_params(n_estimators=grown, warm_start=trees > 0 or grown < wanted)
        model.fit(train[0], train[1], sample_weight=train[2])
        trees = grown
        if time.monotonic() > ends:
            break
    return trees
