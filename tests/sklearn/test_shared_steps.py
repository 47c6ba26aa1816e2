"""Candidates of a pipeline share its first steps: fitted once per split, and nobody can tell by the scores."""

from __future__ import annotations

import gc
import random
from collections import Counter
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import model_selection
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from tests.sklearn.versions import RELEASE

from tunesmith.sklearn import GridSearchCV, SearchCV
from tunesmith.sklearn.evaluate.folds import Fold
from tunesmith.sklearn.evaluate.shared_steps import Planner, Prefixes, Stage, order_by_prefix

X, Y = make_classification(60, 6, random_state=0)
FITS: Counter[str] = Counter()


class Counting(TransformerMixin, BaseEstimator):
    """Counts its fits by name; `noise` decides where random numbers come from."""

    def __init__(self, name: str = "a", factor: float = 1.0, noise: str = "none", copy: bool = True) -> None:
        self.name = name
        self.factor = factor
        self.noise = noise
        self.copy = copy

    def fit(self, X: Any, y: Any = None) -> Counting:
        FITS[self.name] += 1
        self.shift_ = {"none": lambda: 0.0, "numpy": np.random.rand, "python": random.random}[self.noise]()
        return self

    def transform(self, X: Any) -> Any:
        if not self.copy:
            X *= self.factor
            return X
        return X * self.factor + self.shift_


def fits(pipeline: Pipeline, grid: Any, **settings: Any) -> Counter[str]:
    FITS.clear()
    GridSearchCV(pipeline, grid, cv=3, refit=False, **settings).fit(X, Y)
    return FITS.copy()


def pipeline(**second: Any) -> Pipeline:
    return Pipeline([("a", Counting("a")), ("b", Counting("b", **second)), ("clf", GaussianNB())])


GRID = {"clf__var_smoothing": [1e-9, 1e-3, 0.1], "b__factor": [1.0, 2.0]}


def test_each_prefix_is_fitted_once_per_split() -> None:
    assert fits(pipeline(), GRID) == {"a": 3, "b": 6}
    assert fits(pipeline().set_params(memory=joblib.Memory(None)), GRID) == {"a": 18, "b": 18}


def test_an_argument_that_is_gone_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"GridSearchCV has no argument share_steps= any more: .*non_deterministic"):
        GridSearchCV(pipeline(), GRID, share_steps=False)


def test_a_prefix_that_nobody_else_has_is_not_kept() -> None:
    assert fits(pipeline(), {"a__factor": [1.0, 2.0, 3.0]}) == {"a": 9, "b": 9}


@pytest.mark.parametrize("noise", ["numpy", "python"])
def test_steps_that_draw_random_numbers_are_fitted_each_time(noise: str) -> None:
    # one fit more, to find out; its draws are taken back
    assert fits(pipeline(noise=noise), GRID)["b"] in (19, 20)
    assert fits(pipeline(noise=noise), GRID)["a"] <= 4


@pytest.mark.parametrize(
    "grid",
    [
        {**GRID, "memory": [None]},
        {**GRID, "steps": [[("a", Counting("a")), ("b", Counting("b")), ("clf", GaussianNB())]]},
    ],
)
def test_parameters_of_the_whole_pipeline_are_left_to_it(grid: Any) -> None:
    assert fits(pipeline(), grid) == {"a": 18, "b": 18}


def test_steps_that_overwrite_their_input_are_fitted_each_time() -> None:
    assert fits(pipeline(copy=False), GRID) == {"a": 3, "b": 18}


def test_fit_parameters_switch_sharing_off() -> None:
    FITS.clear()
    search = GridSearchCV(pipeline(), GRID, cv=3, refit=False)
    search.fit(X, Y, clf__sample_weight=np.ones(60))
    assert FITS == {"a": 18, "b": 18}


def test_a_users_scorer_gets_the_whole_pipeline() -> None:
    seen = []

    def scorer(estimator: Any, X: Any, y: Any) -> float:
        seen.append([type(step).__name__ for _, step in estimator.steps] + [X.shape[1]])
        return float(estimator.score(X, y))

    ours = GridSearchCV(pipeline(), GRID, cv=3, scoring=scorer).fit(X, Y)
    assert seen == [["Counting", "Counting", "GaussianNB", 6]] * 18
    plain = GridSearchCV(pipeline(), GRID, cv=3).fit(X, Y)
    assert np.array_equal(ours.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


def test_fit_times_count_shared_steps_in_full() -> None:
    class Slow(Counting):
        def fit(self, X: Any, y: Any = None) -> Any:
            import time

            time.sleep(0.02)
            return super().fit(X, y)

    slow = Pipeline([("a", Slow("slow")), ("clf", GaussianNB())])
    search = GridSearchCV(slow, {"clf__var_smoothing": [1e-9, 1e-3, 0.1]}, cv=3, refit=False).fit(X, Y)
    assert FITS["slow"] == 3
    assert (search.cv_results_["mean_fit_time"] >= 0.02).all()


def test_search_cv_shares_what_is_likely_to_come_again() -> None:
    FITS.clear()
    space = {"b__factor": [1.0, 2.0], "clf__var_smoothing": "log(1e-9, 1)"}
    SearchCV(pipeline(), space, n_trials=8, cv=3, sampler="random", random_state=0, refit=False).fit(X, Y)
    assert FITS == {"a": 3, "b": 6}
    FITS.clear()
    space = {"b__factor": "float(1, 2)", "clf__var_smoothing": "log(1e-9, 1)"}
    SearchCV(pipeline(), space, n_trials=4, cv=3, sampler="random", random_state=0, refit=False).fit(X, Y)
    assert FITS == {"a": 3, "b": 12}


def test_what_is_kept_is_bounded() -> None:
    planner = Planner(pipeline())
    candidates = [{"clf__var_smoothing": v, "b__factor": f} for f in (1.0, 2.0, 3.0) for v in (1e-9, 0.1)]
    prefixes = planner.plan(candidates)
    room = Prefixes(limit=3 * X.nbytes, train_scores=False)
    gc.freeze()  # what other tests have left in this process takes seconds to look through
    try:
        for params, prefix in zip(candidates, prefixes, strict=True):
            assert prefix is not None
            for split in range(3):
                made = pipeline().set_params(**params)
                assert room.stage(made, prefix, split, Fold(X.copy(), Y, X[:10].copy(), Y[:10])) is not None
                gc.collect()
                held = [thing.size() or 0 for thing in gc.get_objects() if type(thing) is Stage]
                assert 0 < sum(held) <= 3 * X.nbytes
    finally:
        gc.unfreeze()
    assert Prefixes(limit=10, train_scores=False).stage(made, prefix, 0, Fold(X, Y, X, Y)) is None


def test_equal_prefixes_stand_side_by_side() -> None:
    candidates = [{"b__factor": f, "clf__var_smoothing": v} for v in (0.1, 0.2) for f in (1.0, 2.0)]
    order = order_by_prefix(Planner(pipeline()).plan(candidates))
    assert order == [0, 2, 1, 3]
    assert order_by_prefix([None, None]) == [0, 1]


def test_numbers_that_are_equal_and_not_the_same_are_told_apart() -> None:
    planner = Planner(pipeline())
    plans = planner.plan([{"b__factor": v, "clf__var_smoothing": 0.1} for v in (1, 1.0, True, 1)])
    last = [p.levels[1] for p in plans if p is not None]
    assert last[0] == last[3]
    assert len(set(last)) == 3


STEPS: dict[str, list[Any]] = {
    "first": [
        StandardScaler(),
        MinMaxScaler(),
        FunctionTransformer(np.cbrt),
        StandardScaler(copy=False),
        "passthrough",
    ],
    "second": [
        PCA(3, random_state=0),
        SelectKBest(k=2),
        PolynomialFeatures(2),
        QuantileTransformer(n_quantiles=5, random_state=1),
        KBinsDiscretizer(3, strategy="uniform"),
        TargetEncoder(cv=KFold(3)) if RELEASE >= (1, 9) else TargetEncoder(cv=3, shuffle=False),
        None,
    ],
}


@pytest.mark.slow
@settings(max_examples=max(3, settings().max_examples // 8))
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True),
    st.sampled_from(["accuracy", ["roc_auc", "f1"]]),
    st.sampled_from([{"clf__alpha": [0.1, 1.0, 10.0]}, {"clf": [RidgeClassifier(), LogisticRegression()]}]),
)
def test_sharing_changes_no_score(first: list[int], second: list[int], scoring: Any, last: dict[str, Any]) -> None:
    made = Pipeline([("first", StandardScaler()), ("second", PCA(random_state=0)), ("clf", RidgeClassifier())])
    grid = {"first": [STEPS["first"][i] for i in first], "second": [STEPS["second"][i] for i in second], **last}
    shared, alone = (
        kind(made, grid, cv=2, scoring=scoring, refit=False, return_train_score=True).fit(X, Y).cv_results_
        for kind in (GridSearchCV, model_selection.GridSearchCV)
    )
    for key in shared:
        if key.endswith(("_score", "_f1", "_roc_auc")):
            assert np.array_equal(shared[key], alone[key]), key
