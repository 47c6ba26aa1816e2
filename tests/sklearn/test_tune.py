"""`tune` and `OneOf`: the choice between estimators in one search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_wine
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import tunesmith
from tunesmith.sklearn import OneOf, SearchCV
from tunesmith.sklearn.search.sequential import PORTFOLIO_NOTE
from tunesmith.sklearn.tune import KINDS, make, usual_kinds

X, Y = load_wine(return_X_y=True)


def test_one_line_chooses_and_tunes() -> None:
    search = tunesmith.tune(["neighbours", "tree"], X, Y, n_trials=10, cv=3, random_state=0)
    assert isinstance(search, SearchCV)
    tried = [params["chosen"] for params in search.cv_results_["params"]]
    assert tried[:4] == ["neighbours", "tree", "neighbours", "tree"]
    assert search.score(X, Y) > 0.9
    assert search.honest_score_ is not None
    assert search.honest_score_.metric == "accuracy"
    assert "Only the score of each fold" not in str(search.report_)
    again = tunesmith.tune(["neighbours", "tree"], X, Y, n_trials=10, cv=3, random_state=0)
    assert again.cv_results_["params"] == search.cv_results_["params"]


def test_estimators_are_used_as_they_are() -> None:
    given = {"a": make_pipeline(StandardScaler(), SVC(C=3)), "b": DecisionTreeClassifier(random_state=0)}
    search = tunesmith.tune(given, X, Y, n_trials=2, cv=3, random_state=0)
    assert search.cv_results_["params"][0] == {"chosen": "a", "a__svc__C": 3.0, "a__svc__gamma": "scale"}
    alone = tunesmith.tune(SVC(), X, Y, n_trials=2, cv=3, random_state=0)
    assert "chosen" not in alone.best_params_


def test_pairs_as_pipelines_are_written() -> None:
    pairs = [("vectors", SVC()), ("near", "neighbours")]
    search = tunesmith.tune(pairs, X, Y, n_trials=2, cv=3, random_state=0)
    assert [params["chosen"] for params in search.cv_results_["params"]] == ["vectors", "near"]


def test_numbers_and_frames_with_gaps_and_texts() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=90),
            "kind": rng.choice(["x", "y", "z"], 90),
            "grade": pd.Categorical(rng.choice(["p", "q"], 90)),
            "count": rng.integers(0, 9, 90),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[3, "kind"] = None
    target = (frame["kind"] == "x") * 1.0 + frame["count"] * 0.3 + rng.normal(size=90) * 0.1
    search = tunesmith.tune(["linear", "forest"], frame, target, n_trials=4, cv=3, random_state=0)
    assert search.best_score_ > 0.7
    assert search.predict(frame.iloc[:3]).shape == (3,)
    frame["when"] = pd.date_range("2020-01-01", periods=90)
    with pytest.raises(ValueError, match="'when' hold dates"):
        tunesmith.tune("linear", frame, target)


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("classifies", [True, False])
def test_every_name_is_an_estimator_with_a_space(name: str, classifies: bool) -> None:
    pytest.importorskip(KINDS[name].module.partition(".")[0])
    made = make(name, X, classifies, 0)
    assert is_classifier(made) if classifies else is_regressor(made)
    assert len(tunesmith.spaces.of(made, X, Y))


def test_what_is_tried_by_default_depends_on_the_rows() -> None:
    assert "svm" in usual_kinds(300)
    assert "svm" not in usual_kinds(100_000)


@pytest.mark.parametrize(
    ("estimators", "words"),
    [
        (["linear", "forrest"], "did you mean 'forest'"),
        (3, "takes 'auto', names, estimators"),
        ([], "no estimator to choose from"),
        ({"a__b": "linear"}, "a text without '__'"),
        ({"a": 3}, "give an estimator"),
        ([Ridge(), SVC()], "ridge does not, svc classifies"),
        ([("a", "linear"), ("a", "svm")], "two estimators have one name"),
    ],
)
def test_mistakes_are_told(estimators: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tunesmith.tune(estimators, X, Y)


# -- OneOf -------------------------------------------------------------------------------------------------------------

MEMBERS = [("svc", SVC()), ("neighbours", KNeighborsClassifier())]


def test_one_of_is_the_member_that_is_chosen() -> None:
    one = OneOf(MEMBERS, chosen="svc").set_params(chosen="neighbours", neighbours__n_neighbors=3)
    assert is_classifier(one)
    copy = clone(one).fit(X, Y)
    assert copy.best_.n_neighbors == 3
    assert copy.predict_proba(X).shape == (len(Y), 3)
    assert not hasattr(copy, "decision_function")
    assert copy.classes_.tolist() == [0, 1, 2]
    assert copy.score(X, Y) == copy.best_.score(X, Y)
    with pytest.raises(ValueError, match="is no member; did you mean 'svc'"):
        OneOf(MEMBERS, chosen="svd").fit(X, Y)
    with pytest.raises(ValueError, match="Invalid parameter"):
        OneOf(MEMBERS, chosen="svc").set_params(forest__depth=3)


def test_one_of_is_a_step_of_a_pipeline() -> None:
    model = make_pipeline(StandardScaler(), OneOf([*MEMBERS, ("tree", DecisionTreeClassifier(random_state=0))], "svc"))
    search = SearchCV(model, n_trials=5, cv=3, random_state=0).fit(X, Y)
    assert [p["oneof__chosen"] for p in search.cv_results_["params"][:3]] == ["svc", "neighbours", "tree"]
    assert search.study_.trials[1].system_attrs["proposed_by"] == PORTFOLIO_NOTE
