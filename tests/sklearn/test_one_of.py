"""`OneOf`: one of several estimators as a parameter."""

from __future__ import annotations

import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith.sklearn import OneOf, SearchCV
from tunesmith.sklearn.search.sequential import PORTFOLIO_NOTE

X, Y = load_wine(return_X_y=True)

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
