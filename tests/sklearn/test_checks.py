"""Wrong names and refused values are found before the first fit, with what may have been meant."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tunesmith.errors import SpaceError
from tunesmith.sklearn import GridSearchCV, SearchCV
from tunesmith.sklearn.checks.names import ParameterChecker

X, Y = make_classification(40, 4, random_state=0)
PIPE = Pipeline([("scale", StandardScaler()), ("clf", SGDRegressor())])


@pytest.mark.parametrize(
    ("estimator", "params", "words"),
    [
        (
            SGDRegressor(),
            {"learning_rate_init": 0.01},
            "SGDRegressor has no parameter 'learning_rate_init'; did you mean 'eta0'? (valid: alpha, average,",
        ),
        (SGDRegressor(), {"lr": 0.01}, "did you mean 'eta0'?"),
        (SGDRegressor(), {"n_iter": 10}, "did you mean 'max_iter'?"),
        (SGDRegressor(), {"alhpa": 10}, "did you mean 'alpha'?"),
        (HistGradientBoostingClassifier(), {"eta0": 0.1}, "did you mean 'learning_rate'?"),
        (HistGradientBoostingClassifier(), {"n_trees": 10}, "did you mean 'max_iter'?"),
        (RandomForestClassifier(), {"n_trees": 10}, "did you mean 'n_estimators'?"),
        (LogisticRegression(), {"alpha": 1.0}, "did you mean 'C'?"),
        (LogisticRegression(), {"lambda": 1.0}, "did you mean 'C'?"),
        (Ridge(), {"C": 1.0}, "did you mean 'alpha'?"),
        (LogisticRegression(), {"c": 1.0}, "did you mean 'C'?"),
        (Ridge(), {"zork": 1.0}, "Ridge has no parameter 'zork' (valid: alpha, copy_X"),
        (PIPE, {"clf__learning_rate_init": 0.01}, "(given as 'clf__learning_rate_init'); did you mean 'clf__eta0'?"),
        (
            PIPE,
            {"cfl__eta0": 0.01},
            "Pipeline has no step 'cfl' (given as 'cfl__eta0'); did you mean 'clf__eta0'? (steps: scale, clf)",
        ),
        (PIPE, {"eta0": 0.01}, "Pipeline has no parameter 'eta0'; did you mean 'clf__eta0'?"),
        (BaggingClassifier(SVC()), {"C": 1}, "did you mean 'estimator__C'?"),
        (BaggingClassifier(SVC()), {"base_estimator": SVC()}, "did you mean 'estimator'?"),
        (PIPE, {"clf": "passthrough", "clf__eta0": 0.1}, "'clf' is 'passthrough', which has no parameter 'eta0'"),
        (PIPE, {"clf": SVC(), "clf__eta0": 0.1}, "each choice of 'clf' parameters of its own, use a list of dicts"),
        (Ridge(), {"alpha__x": 1.0}, "has no parameter 'x'"),
    ],
)  # fmt: skip
def test_a_name_that_does_not_exist(estimator: Any, params: dict[str, Any], words: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(words)):
        ParameterChecker(estimator, np.nan).check([params])


def test_all_wrong_names_are_told_at_once_and_nothing_is_fitted() -> None:
    class Unfittable(SVC):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            raise AssertionError("fitted before its parameters were checked")

    with pytest.raises(SpaceError, match=r"(?s)'c'.*'gama'"):
        GridSearchCV(Unfittable(), [{"C": [1]}, {"c": [1], "gama": [1]}], cv=2).fit(X, Y)
    with pytest.raises(SpaceError, match="did you mean 'gamma'"):
        SearchCV(Unfittable(), {"gama": "float(0, 1)"}, cv=2).fit(X, Y)


def test_a_value_that_is_refused_by_every_candidate_is_an_error() -> None:
    message = "'learning_rate' parameter of SGDClassifier must be .* Got 0.01, 0.1 instead; did you mean 'eta0'"
    with pytest.raises(SpaceError, match=message):
        GridSearchCV(SGDClassifier(), {"learning_rate": [0.01, 0.1]}, cv=2).fit(X, Y)
    with pytest.raises(SpaceError, match="did you mean 'clf__eta0'"):
        ParameterChecker(PIPE, np.nan).check([{"clf__learning_rate": 0.01}])


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_value_that_is_refused_by_some_is_a_warning_unless_failures_are_fatal() -> None:
    search = GridSearchCV(SVC(), {"C": [-1.0, 1.0]}, cv=2)
    with pytest.warns(FitFailedWarning) as caught:
        search.fit(X, Y)
    assert "1 of 2 candidates cannot be fitted. The 'C' parameter of SVC must be" in str(caught[0].message)
    assert "2 fits failed out of a total of 4" in str(caught[1].message)
    assert search.best_params_ == {"C": 1.0}
    with pytest.raises(SpaceError, match=r"Got -1\.0 instead"):
        search.set_params(error_score="raise").fit(X, Y)


def test_an_estimator_with_ways_of_its_own_is_not_second_guessed() -> None:
    class Lenient(ClassifierMixin, BaseEstimator):
        def __init__(self, a: int = 1) -> None:
            self.a = a

        def set_params(self, **params: Any) -> Lenient:
            self.extra = params
            return self

        def fit(self, X: Any, y: Any) -> Lenient:
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:
            return np.zeros(len(X), dtype=int)

    GridSearchCV(Lenient(), {"anything": [1, 2]}, cv=2).fit(X, Y)
    GridSearchCV(Pipeline([("clf", Lenient())]), {"clf__anything": [1, 2]}, cv=2).fit(X, Y)


def test_a_choice_of_estimators_decides_which_names_there_are() -> None:
    grid = [
        {"clf": [SVC()], "clf__C": [1.0]},
        {"clf": [RandomForestClassifier(2, random_state=0)], "clf__max_depth": [1]},
    ]
    GridSearchCV(PIPE, grid, cv=2).fit(X, Y)
    with pytest.raises(SpaceError, match="RandomForestClassifier has no parameter 'C'"):
        GridSearchCV(PIPE, {"clf": [SVC(), RandomForestClassifier(2)], "clf__C": [1.0]}, cv=2).fit(X, Y)


def test_checking_does_not_touch_the_users_objects() -> None:
    svc = SVC(C=3.0)
    ParameterChecker(PIPE, np.nan).check([{"clf": svc, "clf__C": 1.0}])
    assert svc.C == 3.0
    assert isinstance(PIPE.named_steps["clf"], SGDRegressor)
