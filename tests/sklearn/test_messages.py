"""What a search says of a mistake: before the first fit, once, at the user's line, and with what to write instead."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_squared_error,
    zero_one_loss,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Float, Int, create_study
from tunesmith.errors import ResumeError
from tunesmith.sklearn import GridSearchCV, SearchCV
from tunesmith.sklearn.evaluate.evaluator import WarnOnce
from tunesmith.sklearn.store.candidates import CandidateStore

X, Y = make_classification(90, 5, random_state=0)
THREE = np.arange(90) % 3
REAL_X, REAL_Y = make_regression(90, 5, noise=10.0, random_state=0)
WORDS = np.array(["no", "yes"])[Y]
C = {"C": Float(0.1, 10)}
ALPHA = {"alpha": Float(0.1, 10)}


class Unfitted(BaseEstimator):
    """Must not be fitted."""

    def fit(self, X: Any, y: Any) -> Unfitted:
        raise AssertionError("fitted")


class NoRidge(Ridge):
    """Must not be fitted, and passes for scikit-learn's own."""

    __module__ = "sklearn.linear_model"

    def fit(self, X: Any, y: Any) -> NoRidge:
        raise AssertionError("fitted")


class NoSVC(SVC):
    """Must not be fitted, and passes for scikit-learn's own."""

    __module__ = "sklearn.svm"

    def fit(self, X: Any, y: Any) -> NoSVC:
        raise AssertionError("fitted")


def tuned(estimator: Any, space: Any, x: Any = X, y: Any = Y, **settings: Any) -> SearchCV:
    return SearchCV(estimator, space, **{"n_trials": 3, "cv": 3, "random_state": 0, **settings}).fit(x, y)


# ---------------------------------------------------------------------------------------- metrics that do not fit


@pytest.mark.parametrize(
    ("estimator", "space", "x", "y", "scoring", "cause"),
    [
        (NoRidge(), ALPHA, REAL_X, REAL_Y, "accuracy", "accuracy_score.*cannot score NoRidge.*continuous"),
        (NoSVC(), C, X, THREE, "f1", "multiclass but average='binary'"),
        (NoSVC(), C, X, WORDS, "f1", r"pos_label=1 is not a valid label.*\['no' 'yes'\]"),
        (NoSVC(), C, X, THREE, "roc_auc", "multi_class must be in"),
        (NoSVC(), C, X, WORDS, "neg_mean_squared_error", "could not convert string"),
        (NoRidge(), ALPHA, REAL_X, REAL_Y, "neg_mean_squared_log_error", "Logarithmic Error cannot be"),
        (NoSVC(), C, X, np.where(np.arange(90) == 3, None, WORDS.astype(object)), "accuracy", "NoneType, str"),
    ],
)
def test_a_metric_that_cannot_be_computed_is_told_before_the_first_fit(
    estimator: Any, space: Any, x: Any, y: Any, scoring: str, cause: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=f"(?s){cause}"):
        tuned(estimator, space, x, y, scoring=scoring)


def test_a_metric_that_decides_nothing_is_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = tuned(SVC(), C, y=THREE, scoring=["accuracy", "f1"], refit="accuracy")
    assert found.best_score_ > 0
    assert sum("the metric 'f1' cannot score SVC on this y" in str(w.message) for w in caught) == 1


def test_options_that_make_a_metric_fit_are_heeded() -> None:
    scorer = make_scorer(f1_score, pos_label="yes")
    assert tuned(SVC(), C, y=WORDS, scoring=scorer).best_score_ > 0.5


# -------------------------------------------------------------------------------------------- losses taken for scores


def absolute(estimator: Any, x: Any, y: Any) -> float:
    return float(np.abs(y - estimator.predict(x)).mean())


@pytest.mark.parametrize(
    ("scoring", "mend"),
    [
        (make_scorer(mean_squared_error), "use scoring='neg_mean_squared_error'"),
        (make_scorer(mean_absolute_error), "use scoring='neg_mean_absolute_error'"),
        (make_scorer(lambda y, p: float(np.abs(y - p).max())), "greater_is_better=False"),
        (absolute, "let the function return minus the loss"),
    ],
)
def test_a_loss_that_is_taken_for_a_score_is_refused_with_the_mend(scoring: Any, mend: str) -> None:
    with pytest.raises(ValueError, match=f"seems to be a loss: perfect predictions score 0 and constant ones.*{mend}"):
        tuned(NoRidge(), ALPHA, REAL_X, REAL_Y, scoring=scoring)


@pytest.mark.parametrize(
    "scoring", [make_scorer(zero_one_loss), make_scorer(log_loss, response_method="predict_proba")]
)
def test_the_same_of_a_classifier(scoring: Any) -> None:
    with pytest.raises(ValueError, match="seems to be a loss"):
        tuned(LogisticRegression(), C, scoring=scoring)


@pytest.mark.parametrize(
    "scoring",
    [
        lambda e, x, y: -absolute(e, x, y),
        lambda e, x, y: -float(e.coef_.size),  # looks at more than predictions
        lambda e, x, y: float((e.predict(x) > 0).mean()),  # says nothing of how right they are
        make_scorer(mean_squared_error, greater_is_better=False),
        "neg_mean_squared_error",
        "neg_max_error",
        "r2",
        None,
    ],
)
def test_what_may_be_a_score_is_taken(scoring: Any) -> None:
    found = tuned(Ridge(), ALPHA, REAL_X, REAL_Y, scoring=scoring)
    assert np.isfinite(found.best_score_)


def test_a_loss_for_information_only_is_left_alone() -> None:
    found = tuned(SVC(), C, scoring={"acc": "accuracy", "err": make_scorer(zero_one_loss)}, refit="acc")
    assert found.best_score_ > 0.5


# ------------------------------------------------------------------------------------------------------ kinds of y


@pytest.mark.parametrize("kind", [SearchCV, GridSearchCV])
def test_categories_of_pandas_are_targets(kind: Any) -> None:
    y = pd.Categorical(WORDS)
    found = kind(SVC(), {"C": [0.5, 1.0]}, cv=3).fit(X, y)
    assert set(found.classes_) == {"no", "yes"}
    assert found.best_score_ == kind(SVC(), {"C": [0.5, 1.0]}, cv=3).fit(X, WORDS).best_score_


# ------------------------------------------------------------------------------------------------------- suggestions


def test_floats_where_whole_numbers_are_wanted_are_told_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"max_depth.*instead; use Int\(1, 5\)"):
        tuned(DecisionTreeClassifier(), {"max_depth": Float(1, 5)})
    with pytest.raises(ValueError, match=r"use Int\(2, 40, log=True\)"):
        tuned(DecisionTreeClassifier(), {"min_samples_leaf": Float(1.5, 40.5, log=True)})
    tuned(DecisionTreeClassifier(), {"max_depth": Int(1, 5)})


@pytest.mark.parametrize(
    ("name", "meant"),
    [("svc_C", "svc__C"), ("svc___C", "svc__C"), ("standardscaler_with_mean", "standardscaler__with")],
)
def test_one_underscore_too_few_is_seen(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"has no (parameter|step).*did you mean '{meant}"):
        tuned(make_pipeline(StandardScaler(), SVC()), {name: Float(0.1, 1)})


@pytest.mark.parametrize("kind", [SearchCV, GridSearchCV])
@pytest.mark.parametrize(
    ("scoring", "meant"),
    [
        ("roc_acu", "roc_auc"),
        (["accuracy", "roc_acu"], "roc_auc"),
        ({"a": "roc_acu"}, "roc_auc"),
        ("rmse", "neg_root_mean_squared_error"),
        ("AUC", "roc_auc"),
    ],
)
def test_a_metric_that_does_not_exist_has_a_suggestion(kind: Any, scoring: Any, meant: str) -> None:
    with pytest.raises(ValueError, match=f"must be the name of a metric. Got '.*' instead; did you mean '{meant}'?"):
        kind(SVC(), {"C": [1.0]}, scoring=scoring, refit=False).fit(X, Y)


# ---------------------------------------------------------------------------------------------------------- warnings


class Chatty(RegressorMixin, BaseEstimator):
    """Warns in each fit, with another number each time."""

    def __init__(self, a: float = 0.0) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Chatty:
        warnings.warn(f"ill-conditioned, {self.a:.5f}", RuntimeWarning, stacklevel=1)
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_ + 1e-3 * self.a)


def test_a_warning_of_each_fit_is_shown_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuned(Chatty(), {"a": Float(1, 2)}, REAL_X, REAL_Y, n_trials=6)
    assert sum("ill-conditioned" in str(w.message) for w in caught) == 1
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(ValueError, match="ill-conditioned"):  # an error stays an error
            tuned(Chatty(), {"a": Float(1, 2)}, REAL_X, REAL_Y)
    assert warnings.showwarning is before


SCRIPT = """
import warnings
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from tunesmith import Float
from tunesmith.sklearn import SearchCV

if __name__ == "__main__":
    X, y = make_classification(200, 20, random_state=0)
    SearchCV(LogisticRegression(max_iter=2), {"C": Float(10, 99)}, n_trials=8, random_state=0, n_jobs=2).fit(X, y)
"""


def test_searches_in_threads_leave_warnings_as_they_were() -> None:
    before = warnings.showwarning
    first, second = WarnOnce(), WarnOnce()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inside = warnings.showwarning
        first.__enter__()
        second.__enter__()
        for _ in range(2):
            warnings.warn("something", stacklevel=1)
        first.__exit__(None, None, None)  # not in the order of a stack
        warnings.warn("something", stacklevel=1)
        second.__exit__(None, None, None)
        assert warnings.showwarning is inside
    assert warnings.showwarning is before
    assert 1 <= len(caught) <= 2


@pytest.mark.slow
def test_so_it_is_of_workers(tmp_path: Any) -> None:
    (tmp_path / "tune.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "tune.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stderr.count("ConvergenceWarning") == 1, done.stderr


def test_a_warning_points_at_the_line_of_the_user() -> None:
    search = SearchCV(Ridge(), ALPHA, n_trials=2, cv=3, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]  # CPython has frames
        search.fit(REAL_X, np.ones(90))
    (told,) = [w for w in caught if "y is 1.0 in all 90 rows" in str(w.message)]
    assert (told.filename, told.lineno) == (__file__, line)


def test_a_default_that_stands_beside_the_trials_has_no_number_in_a_message() -> None:
    store = CandidateStore(create_study(), None, train_scores=False, where="memory")
    with pytest.raises(ResumeError, match="have changed; the default configuration was"):
        store.check(-1, {"C": 1.0}, {"key": "another one", "test": [], "fit": [], "score": [], "error": []})
