"""The estimator's own configuration as a point of the space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Categorical, Float, Int, Space
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.search.default import default_params, default_row, tied_to_choices

X, Y = make_classification(60, 5, random_state=0)
PIPE = Pipeline([("scale", StandardScaler()), ("clf", SVC())])


def point(estimator: Any, space: Any) -> dict[str, Any] | None:
    """Return the default as the space sees it."""
    known = tied_to_choices(Space(space))
    own = default_params(estimator, known)
    assert own is not None
    row = default_row(own, known)
    return None if row is None else known.decode(np.array([row]))[0]


@pytest.mark.parametrize(
    ("estimator", "space", "inside"),
    [
        (SVC(), {"C": Float(0.1, 10)}, {"C": 1.0}),
        (SVC(C=3), {"C": Float(0.1, 10)}, {"C": 3.0}),
        (SVC(C=300), {"C": Float(0.1, 10)}, None),
        (SVC(), {"C": Float(0.1, 10), "gamma": Float(0.01, 1)}, None),  # "scale" is no number
        (SVC(), {"C": [0.1, 1, 10], "kernel": ["rbf", "poly"]}, {"C": 1.0, "kernel": "rbf"}),
        (SVC(), {"kernel": ["linear", "poly"]}, None),
        (KNeighborsClassifier(), {"n_neighbors": Int(1, 30)}, {"n_neighbors": 5}),
        (KNeighborsClassifier(), {"n_neighbors": Int(2, 30, step=2)}, None),
        (SVC(), {"kernel": ["rbf", "poly"], "degree": Int(2, 4).when(kernel="poly")}, {"kernel": "rbf"}),
        (SVC(kernel="poly"), {"kernel": ["rbf", "poly"], "degree": Int(2, 4).when(kernel="poly")},
         {"kernel": "poly", "degree": 3}),
    ],
)  # fmt: skip
def test_the_default_lies_in_the_space_or_it_does_not(estimator: Any, space: Any, inside: Any) -> None:
    assert point(estimator, space) == inside


def test_an_estimator_is_known_among_choices_by_what_it_is() -> None:
    space = {
        "scale": Categorical({"range": MinMaxScaler(), "standard": StandardScaler(), "none": "passthrough"}),
        "clf": Categorical({"logistic": LogisticRegression(), "svm": SVC()}),
        "clf__C": Float(0.1, 10),
        "clf__degree": Int(2, 4),
    }
    found = point(PIPE, space)
    assert found is not None
    assert isinstance(found["scale"], StandardScaler)
    assert isinstance(found["clf"], SVC)
    assert found["clf__C"] == 1.0
    space["clf"] = Categorical({"logistic": LogisticRegression(), "svm": SVC(probability=True)})
    assert point(PIPE, space) is None


def test_the_default_is_found_in_its_branch() -> None:
    branches = [
        {"clf": [LogisticRegression()], "clf__C": Float(0.01, 0.5)},
        {"clf": [SVC()], "clf__C": Float(0.1, 10)},
    ]
    search = SearchCV(PIPE, branches, n_trials=4, cv=3, random_state=0).fit(X, Y)
    first = search.cv_results_["params"][0]
    assert isinstance(first["clf"], SVC)
    assert first["clf__C"] == 1.0
    assert len(search.cv_results_["params"]) == 4


def test_a_grid_has_it_once() -> None:
    search = SearchCV(SVC(), {"C": [0.1, 1.0, 10.0]}, n_trials=3, sampler="grid", cv=3).fit(X, Y)
    assert [p["C"] for p in search.cv_results_["params"]] == [0.1, 1.0, 10.0]
    assert search.report_.default == {"C": 1.0}


@pytest.mark.parametrize("space", [{"C": Float(0.1, 10)}, {"gamma": Float(0.01, 1)}])
def test_it_is_fitted_once_however_often_the_search_goes_on(tmp_path: Path, space: Any) -> None:
    def searched(n: int) -> SearchCV:
        search = SearchCV(SVC(), space, n_trials=n, cv=3, random_state=0, storage=str(tmp_path / "t.db"))
        return search.fit(X, Y)

    first, more = searched(3), searched(5)
    default = first.report_.default
    assert more.report_.default == default
    assert more.cv_results_["params"].count(default) == 1
    at, before = more.cv_results_["params"].index(default), first.cv_results_["params"].index(default)
    assert more.cv_results_["mean_fit_time"][at] == first.cv_results_["mean_fit_time"][before]
    assert len(more.study_.trials) == 5


def test_the_parameters_that_are_not_searched_are_the_user_s() -> None:
    search = SearchCV(SVC(kernel="poly", degree=2), {"C": Float(0.1, 10)}, n_trials=3, cv=3, random_state=0).fit(X, Y)
    assert search.report_.default == {"C": 1.0}
    assert search.best_estimator_.kernel == "poly"


def test_who_proposed_it_is_told() -> None:
    search = SearchCV(SVC(), {"C": Float(0.1, 10)}, n_trials=2, cv=3, random_state=0).fit(X, Y)
    assert search.study_.trials[0].system_attrs["proposed_by"] == "the estimator's own configuration"


class Reticent(ClassifierMixin):
    """Tells only the parameters that it was given and takes others too, as CatBoost does."""

    def __init__(self, **params: Any) -> None:
        self.params = params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return dict(self.params)

    def set_params(self, **params: Any) -> Reticent:
        self.params |= params
        return self

    def fit(self, X: Any, y: Any) -> Reticent:
        depth = {"max_depth": self.params.get("depth", 3)}
        self.model = DecisionTreeClassifier(random_state=0, **depth, min_samples_leaf=self.params.get("leaf", 1))
        self.model.fit(X, y)
        self.classes_ = self.model.classes_
        return self

    def predict(self, X: Any) -> Any:
        return self.model.predict(X)

    def __sklearn_tags__(self) -> Any:
        return DecisionTreeClassifier().__sklearn_tags__()


@pytest.mark.parametrize(
    ("estimator", "default"),
    [(Reticent(), {}), (Reticent(leaf=4), {"leaf": 4}), (Reticent(depth=2, leaf=2), {"depth": 2, "leaf": 2})],
)
def test_an_estimator_that_does_not_tell_a_parameter_is_the_default_as_it_is(estimator: Any, default: Any) -> None:
    space = {"depth": Int(1, 6), "leaf": Int(1, 9)}
    search = SearchCV(estimator, space, n_trials=4, cv=3, random_state=0).fit(X, Y)
    assert search.report_.default == default
    assert search.cv_results_["params"].count(default) == 1
    assert search.honest_score_.gain_over_default is not None
    beside = len(default) < 2
    assert len(search.cv_results_["params"]) == 4 + beside
    told = "does not tell its own depth" in str(search.report_)
    assert told == beside
    if search.report_.kept_default and not default:
        assert search.best_params_ == {}


def test_in_a_pipeline_too_but_not_for_what_another_choice_has() -> None:
    pipe = Pipeline([("clf", Reticent())])
    space = {"clf__depth": Int(1, 6)}
    assert SearchCV(pipe, space, n_trials=3, cv=3, random_state=0).fit(X, Y).report_.default == {}
    both = Space(clf=Categorical({"svm": SVC(), "own": Reticent()}), clf__depth=Int(1, 6).when(clf="own"))
    own = default_params(Pipeline([("clf", SVC())]), both)
    assert own is not None
    assert list(own) == ["clf"]
    assert default_params(SVC(), Space({"depth": Int(1, 6)})) is None
