"""`SearchCV` with spaces that come with the estimator."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tunesmith import Float
from tunesmith.errors import SpaceError
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.search.sequential import DEFAULT_NOTE, PORTFOLIO_NOTE
from tunesmith.space import estimators as spaces
from tunesmith.space.estimators.first import portfolio_of

X, Y = load_wine(return_X_y=True)


def test_a_search_needs_no_space() -> None:
    search = SearchCV(SVC(), n_trials=6, cv=3, random_state=0).fit(X, Y)
    assert search.cv_results_["params"][0] == {"C": 1.0, "gamma": "scale"}
    assert max(search.cv_results_["mean_test_score"]) > search.cv_results_["mean_test_score"][0]
    assert search.space_ == spaces.of(SVC(), X, Y)
    assert clone(search).space == "auto"
    assert pickle.loads(pickle.dumps(search)).space_ == search.space_


def test_a_stored_search_is_resumed_with_its_words(tmp_path: Path) -> None:
    file = str(tmp_path / "tune.db")
    whole = SearchCV(SVC(), n_trials=6, cv=3, random_state=0).fit(X, Y)
    SearchCV(SVC(), n_trials=3, cv=3, random_state=0, storage=file).fit(X, Y)
    resumed = SearchCV(SVC(), n_trials=6, cv=3, random_state=0, storage=file).fit(X, Y)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]


def test_a_portfolio_follows_the_default_in_the_same_order_each_time() -> None:
    model = make_pipeline(StandardScaler(), SVC())
    wanted = len(portfolio_of("sklearn.SVC"))
    firsts = []
    for seed in (0, 1):
        search = SearchCV(model, n_trials=wanted + 2, cv=3, random_state=seed).fit(X, Y)
        firsts.append(search.cv_results_["params"][: wanted + 1])
        by = [t.system_attrs.get("proposed_by") for t in search.study_.trials]
        assert by[0] == DEFAULT_NOTE
        assert by[1:-1] == [PORTFOLIO_NOTE] * wanted
        assert by[-1] not in (DEFAULT_NOTE, PORTFOLIO_NOTE)
    assert firsts[0] == firsts[1]
    assert firsts[0][0] == {"svc__C": 1.0, "svc__gamma": "scale"}


def test_a_portfolio_is_not_repeated_when_a_search_goes_on(tmp_path: Path) -> None:
    file = str(tmp_path / "tune.db")
    whole = SearchCV(SVC(), n_trials=9, cv=3, random_state=0).fit(X, Y)
    for n_trials in (2, 4, 9):
        parts = SearchCV(SVC(), n_trials=n_trials, cv=3, random_state=0, storage=file).fit(X, Y)
    assert parts.cv_results_["params"] == whole.cv_results_["params"]


def test_a_portfolio_without_the_default() -> None:
    search = SearchCV(SVC(), n_trials=3, cv=3, prefer_default=None, random_state=0).fit(X, Y)
    assert {"C": 1.0, "gamma": "scale"} not in search.cv_results_["params"]
    assert search.study_.trials[0].system_attrs["proposed_by"] == PORTFOLIO_NOTE


def test_own_ranges_and_automatic_ones_mix() -> None:
    model = make_pipeline(StandardScaler(), SVC())
    search = SearchCV(model, {"svc__C": Float(1, 2), ...: "auto"}, n_trials=2, cv=3, random_state=0).fit(X, Y)
    assert search.space_["svc__C"] == Float(1, 2)
    assert search.space_["svc__gamma"] == spaces.of(model, X, Y)["svc__gamma"]
    one = SearchCV(model, {"svc__gamma": "auto"}, n_trials=2, cv=3, random_state=0).fit(X, Y)
    assert list(one.space_) == ["svc__gamma"]


def test_what_screens_candidates_is_not_searched() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    search = SearchCV(HistGradientBoostingClassifier(max_iter=9), fidelity="max_iter", n_trials=2, cv=2, random_state=0)
    search.fit(X, Y)
    assert "max_iter" not in search.space_


def test_nothing_to_tune_is_scored_as_it_is() -> None:
    from sklearn.dummy import DummyClassifier

    with pytest.warns(UserWarning, match="the space has no parameters"):
        search = SearchCV(DummyClassifier(), cv=3).fit(X, Y)
    assert search.best_params_ == {}


def test_a_subclass_that_hides_parameters_is_searched_over_those_that_it_has() -> None:
    class Small(SVC):
        def __init__(self, C: float = 1.0) -> None:
            super().__init__(C=C)

    assert list(spaces.of(Small(), X, Y)) == ["C"]
    search = SearchCV(make_pipeline(StandardScaler(), Small()), n_trials=2, cv=3, random_state=0).fit(X, Y)
    assert list(search.space_) == ["small__C"]


@pytest.mark.parametrize("wrong", [SVC, None, "svm"])
def test_what_is_no_estimator_has_no_space(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"takes an estimator, such as SVC\(\)"):
        spaces.of(wrong)


def test_a_registered_space_is_read_as_other_spaces_are() -> None:
    class Mine(SVC):
        pass

    spaces.register(Mine, lambda about: {"C": "log(0.1, 10)", "kernel": ["rbf", "poly"]})
    assert spaces.of(Mine())["C"] == Float(0.1, 10, log=True)
    assert list(spaces.of(Mine())) == ["C", "kernel"]
    spaces.register(Mine, lambda about: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(SpaceError, match=r"a dict of parameters by name; its function returned None"):
        spaces.of(Mine())


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"svc__Q": "auto"}, "'svc__Q' has no automatic range; did you mean"),
        ({...: Float(0, 1)}, "takes 'auto' alone"),
    ],
)
def test_a_mistake_is_told_before_the_first_fit(space: object, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        SearchCV(make_pipeline(StandardScaler(), SVC()), space).fit(X, Y)
