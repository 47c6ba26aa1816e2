"""The spaces of estimators: what was set in them, what is inside of them, and what nobody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from tests.space.estimators.test_known import ALL, make

from tunesmith import Float, Int
from tunesmith.errors import SpaceError
from tunesmith.sklearn import OneOf
from tunesmith.sklearn.search.default import default_params, default_row
from tunesmith.space import estimators as spaces
from tunesmith.space.estimators.about import About
from tunesmith.space.estimators.first import first_rows, portfolio_of
from tunesmith.space.estimators.joined import joined, resolve
from tunesmith.space.estimators.known import TABLE, find

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 6)), RNG.integers(0, 2, 200)


def is_inside(estimator: Any) -> bool:
    space = spaces.of(estimator, X, Y)
    return default_row(default_params(estimator, space) or {}, space) is not None


@settings(max_examples=settings().max_examples // 2)
@given(C=st.floats(1e-6, 1e9), gamma=st.one_of(st.just("scale"), st.floats(1e-9, 1e9)))
def test_numbers_that_are_set_are_inside(C: float, gamma: Any) -> None:
    assert is_inside(SVC(C=C, gamma=gamma))


@settings(max_examples=settings().max_examples // 2)
@given(leaf=st.integers(1, 500), columns=st.one_of(st.sampled_from(["sqrt", "log2", None]), st.floats(0.01, 1.0)))
def test_words_and_numbers_that_are_set_are_inside(leaf: int, columns: Any) -> None:
    assert is_inside(RandomForestClassifier(min_samples_leaf=leaf, max_features=columns))


HERE = sorted(name for name in TABLE if name.partition(".")[0] == "sklearn" and name.partition(".")[2] in ALL)


@settings(max_examples=settings().max_examples // 4)
@given(n=st.integers(4, 100_000), d=st.integers(1, 3000), scale=st.floats(1e-6, 1e6))
def test_every_space_can_be_made_for_data_of_any_size(n: int, d: int, scale: float) -> None:
    for key in HERE:
        estimator = make(key)
        found = find(estimator)
        assert found is not None
        about = About(estimator, n_rows=n, n_columns=d, variance=scale, spread=scale, n_classes=2, smallest_class=2 / n)
        for name, param in found[1](about).items():
            assert name.isidentifier(), (key, param)


def test_a_choice_that_is_set_stays_and_what_depends_on_it_follows() -> None:
    assert set(spaces.of(SVC())) == {"C", "gamma"}
    assert set(spaces.of(SVC(kernel="linear"))) == {"C"}
    assert set(spaces.of(SVC(kernel="poly"))) == {"C", "gamma", "degree", "coef0"}
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    assert spaces.of(LinearDiscriminantAnalysis())["shrinkage"].condition is not None
    alone = spaces.of(LinearDiscriminantAnalysis(solver="lsqr"))
    assert set(alone) == {"shrinkage"}
    assert alone["shrinkage"].condition is None


def test_what_a_range_cannot_express_stays() -> None:
    assert "max_features" not in spaces.of(RandomForestRegressor(max_features=3))
    assert "hidden_layer_sizes" not in spaces.of(_network((7, 7, 7)))


def _network(sizes: tuple[int, ...]) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(hidden_layer_sizes=sizes)


def test_units_follow_the_data() -> None:
    wide, narrow = spaces.of(SVC(), 100 * X, Y)["gamma"], spaces.of(SVC(), X, Y)["gamma"]
    assert narrow.low == pytest.approx(1e4 * wide.low, rel=0.01)
    scaled = spaces.of(make_pipeline(StandardScaler(), SVC()), 100 * X, Y)["svc__gamma"]
    assert scaled.low == pytest.approx(1e-3 / X.shape[1], rel=0.01)
    assert spaces.of(SVR(), X, 1e3 * X[:, 0])["C"].high > 100 * spaces.of(SVR(), X, X[:, 0])["C"].high / 2


def test_what_is_inside_has_names_of_its_place() -> None:
    inner = make_pipeline(StandardScaler(), PCA(), SVC())
    assert set(spaces.of(inner, X, Y)) == {"pca__n_components", "pca__whiten", "svc__C", "svc__gamma"}
    columns = ColumnTransformer([("left", PCA(), [0, 1]), ("rest", "passthrough", [2])])
    assert "left__n_components" in spaces.of(columns, X, Y)
    bags = spaces.of(BaggingClassifier(DecisionTreeClassifier()), X, Y)
    assert {"max_samples", "estimator__min_samples_leaf"} <= set(bags)
    stack = StackingClassifier([("a", SVC()), ("b", inner)], final_estimator=LogisticRegression())
    assert {"a__C", "b__svc__C", "final_estimator__C"} <= set(spaces.of(stack, X, Y))


def test_a_choice_of_estimators_is_a_conditional_space() -> None:
    space = spaces.of(OneOf([("svc", SVC()), ("tree", DecisionTreeClassifier())], chosen="svc"), X, Y)
    for params in space.decode(space.sample(np.random.default_rng(0), 20)):
        assert all(name == "chosen" or name.startswith(params["chosen"]) for name in params)


def test_a_subclass_has_the_space_of_its_base() -> None:
    class Mine(SVC):
        pass

    assert spaces.of(Mine(), X, Y) == spaces.of(SVC(), X, Y)


class Alien(BaseEstimator):
    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X: Any, y: Any = None) -> Alien:
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))


def test_what_nobody_knows_is_left_alone_where_it_transforms_only() -> None:
    """`KMeans` predicts too, but not as a step before the last one."""
    step = make_pipeline(StandardScaler(), KMeans(2))
    for inner in (make_pipeline(KMeans(2), SVC()), make_pipeline(step, SVC())):
        assert {name.rpartition("__")[2] for name in joined(inner).space.names} == {"C", "gamma"}
    columns = make_pipeline(ColumnTransformer([("k", KMeans(2), [0])]), LogisticRegression())
    assert not any("kmeans" in name or "n_clusters" in name for name in joined(columns).space.names)
    with pytest.raises(SpaceError, match="no space for KMeans"):
        joined(make_pipeline(StandardScaler(), KMeans(2)))


def test_what_nobody_knows_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(SpaceError, match="does not know 'Alien'") as told:
        spaces.of(make_pipeline(StandardScaler(), Alien()))
    assert "sklearn.SVC" in str(told.value)
    assert "space={'power'" in str(told.value)
    with pytest.raises(SpaceError, match="not comparable without labels"):
        spaces.of(KMeans())
    left = make_pipeline(FunctionTransformer(), _Unknown(), SVC())
    assert set(spaces.of(left)) == {"svc__C", "svc__gamma"}  # what only transforms is left as it is


@pytest.mark.parametrize("data", ["abc", 5])
def test_data_without_rows_are_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=r"shape \(n_samples, n_features\)"):
        spaces.of(SVC(), data)


class _Unknown(BaseEstimator):
    def fit(self, X: Any, y: Any = None) -> _Unknown:
        return self

    def transform(self, X: Any) -> Any:
        return X


def test_an_estimator_can_be_made_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunesmith.space.estimators import known

    monkeypatch.setattr(known, "_MINE", {})
    spaces.register(Alien, lambda about: {"power": Float(1, 3 + about.n_columns)})
    assert spaces.of(Alien(), X)["power"] == Float(1, 9)
    assert any(name.endswith(".Alien") for name in spaces.known_names())
    with pytest.raises(TypeError, match="takes a class"):
        spaces.register(Alien(), lambda about: {})  # type: ignore[arg-type]


def test_a_space_can_be_changed_like_others() -> None:
    from tunesmith import Space

    changed = Space({**spaces.of(SVC(), X, Y), "C": Int(1, 3)})
    assert changed["C"] == Int(1, 3)
    assert changed["gamma"].contains("scale")


def test_a_parent_of_the_users_own() -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    mixed = resolve({"solver": ["svd", "eigen"], ...: "auto"}, LinearDiscriminantAnalysis(), X, Y)
    assert mixed is not None
    assert list(mixed.space) == ["solver"]  # shrinkage is searched for lsqr, which is no choice here
    alone = resolve({"shrinkage": "auto"}, LinearDiscriminantAnalysis(solver="lsqr"), X, Y)
    assert alone is not None
    assert list(alone.space) == ["shrinkage"]


def test_a_portfolio_leaves_ranges_of_the_user_alone() -> None:
    mixed = resolve({"C": Float(0.5, 2), ...: "auto"}, SVC(), X, Y)
    assert mixed is not None
    points = mixed.space.decode(np.array(first_rows(mixed, {"C": 1.0, "gamma": "scale"})))
    assert {point["C"] for point in points} == {1.0}
    assert len({point["gamma"] for point in points}) > 1


@pytest.mark.parametrize(
    "estimator",
    [SVC(), make_pipeline(StandardScaler(), PCA(), SVC()), HistGradientBoostingClassifier(), RandomForestClassifier()],
)
def test_the_first_points_lie_in_the_space(estimator: Any) -> None:
    auto = joined(estimator, X, Y)
    rows = first_rows(auto, default_params(estimator, auto.space))
    family = auto.parts[-1].family
    assert len(rows) == len(portfolio_of(family)) > 0
    assert auto.space.contains_rows(np.array(rows)).all()


def test_the_first_points_of_a_choice_are_each_member_as_it_is() -> None:
    one = OneOf([("svc", SVC()), ("forest", RandomForestClassifier())], chosen="svc")
    auto = joined(one, X, Y)
    points = auto.space.decode(np.array(first_rows(auto, default_params(one, auto.space))))
    assert [point["chosen"] for point in points[:4]] == ["svc", "forest", "svc", "forest"]
    assert points[0] == {"chosen": "svc", "svc__C": 1.0, "svc__gamma": "scale"}
    assert points[1]["forest__max_features"] == "sqrt"
