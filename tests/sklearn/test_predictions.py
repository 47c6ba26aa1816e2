"""What the scorer saw is kept: nothing is predicted twice, no score changes, and it stays within its bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, r2_score
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith.selection.targets import Predictions
from tunesmith.sklearn import GridSearchCV, SearchCV
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.store import outcome as stored
from tunesmith.sklearn.store.outcome import PredictionCache, encode

X, Y = make_classification(80, 6, n_informative=4, n_classes=3, random_state=0)
NAMES = np.array(["ant", "bee", "cat"])[Y]
XB, YB = make_classification(80, 6, random_state=0)
XR, YR = make_regression(80, 5, noise=5.0, random_state=0)


class Kept(SearchCV):
    """Keeps what a later step would be given."""

    def _conclude(self, search: Any, settings: Any, here: Any) -> None:
        super()._conclude(search, settings, here)
        self.evidence: Evidence = search.evidence
        if hasattr(self, "wanted"):
            self.found = search.rerun(*self.wanted, search.deadline)


def search(estimator: Any, X: Any, y: Any, space: Any = None, fit: Any = None, **settings: Any) -> Kept:
    space = space or {"C": "log(0.01, 10)"}
    settings = {
        "n_trials": 3,
        "sampler": "random",
        "random_state": 0,
        "cv": 4,
        "racing": None,
        "prefer_default": None,
        **settings,
    }
    return Kept(estimator, space, **settings).fit(X, y, **(fit or {}))


def refit(kept: Kept, estimator: Any, X: Any, y: Any, candidate: int, split: int) -> tuple[Any, Any]:
    """The estimator of a candidate on a split, and the split's test rows."""
    train, test = kept.evidence.splits[split]
    return clone(estimator).set_params(**kept.evidence.params[candidate]).fit(X[train], y[train]), test


@pytest.mark.parametrize(("scoring", "n_jobs"), [(None, None), ("accuracy", 2), ("f1_macro", None)])
@pytest.mark.parametrize("y", [Y, Y + 5, NAMES], ids=["from 0", "numbers", "names"])
def test_labels_are_kept_as_codes(scoring: Any, y: Any, n_jobs: Any) -> None:
    estimator = make_pipeline(StandardScaler(), SVC())
    kept = search(estimator, X, y, {"svc__C": "log(0.01, 10)"}, scoring=scoring, n_jobs=n_jobs)
    for candidate, row in enumerate(kept.evidence.predictions):
        assert row is not None
        for split, seen in enumerate(row):
            fitted, test = refit(kept, estimator, X, y, candidate, split)
            assert seen is not None
            assert seen.method == "predict"
            assert seen.values.dtype == np.uint8
            assert kept.evidence.labels is not None
            assert (kept.evidence.labels[seen.values] == fitted.predict(X[test])).all()
    scores = [
        cross_val_score(clone(estimator).set_params(**p), X, y, cv=4, scoring=scoring) for p in kept.evidence.params
    ]
    assert np.array_equal(kept.evidence.scores, scores)  # to the bit: listening changes nothing


@pytest.mark.parametrize(
    ("scoring", "method", "column"),
    [
        ("roc_auc", "decision_function", None),
        ("neg_log_loss", "predict_proba", None),
        ("neg_brier_score", "predict_proba", None),
        ("average_precision", "decision_function", None),
    ],
)
def test_probabilities_and_decisions(scoring: str, method: str, column: Any) -> None:
    kept = search(LogisticRegression(), XB, YB, scoring=scoring)
    fitted, test = refit(kept, LogisticRegression(), XB, YB, 1, 2)
    seen = kept.evidence.predictions[1][2]  # type: ignore[index]
    expected = getattr(fitted, method)(XB[test])
    assert seen is not None
    assert seen.method == method
    assert seen.values.dtype == np.float32
    assert seen.values.shape in (expected.shape, expected.shape[:1])
    expected = expected if seen.values.ndim == expected.ndim else expected[:, 1]
    assert seen.values == pytest.approx(expected, abs=1e-6)
    for p, row in zip(kept.evidence.params, kept.evidence.scores, strict=True):
        assert np.array_equal(row, cross_val_score(LogisticRegression(**p), XB, YB, cv=4, scoring=scoring))


@pytest.mark.parametrize("scoring", [None, "r2", "neg_mean_absolute_error"])
def test_regression(scoring: Any) -> None:
    kept = search(make_pipeline(StandardScaler(), Ridge()), XR, YR, {"ridge__alpha": "log(0.01, 10)"}, scoring=scoring)
    seen = np.concatenate([p.values for p in kept.evidence.predictions[0]])  # type: ignore[union-attr]
    assert seen.dtype == np.float32
    assert r2_score(YR, seen) > 0.9
    assert (kept.evidence.y == YR).all()


class Counting(ClassifierMixin, BaseEstimator):
    calls: ClassVar[int] = 0

    def __init__(self, a: float = 0.0) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Counting:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        Counting.calls += 1
        return (X[:, 0] > self.a).astype(int)


class Scoring(Counting):
    def score(self, X: Any, y: Any) -> float:
        return float(np.mean(self.predict(X) == y))


def plain(estimator: Any, X: Any, y: Any) -> float:
    return float(accuracy_score(y, estimator.predict(X)))


@pytest.mark.parametrize("scoring", [None, "accuracy", ["accuracy", "f1"], {"mine": plain, "f1": "f1"}, plain])
def test_nothing_is_predicted_twice(scoring: Any) -> None:
    def calls(cls: Any, **settings: Any) -> int:
        Counting.calls = 0
        cls(Counting(), **settings, scoring=scoring, refit=False, cv=4).fit(XB, YB)
        return Counting.calls

    grid = calls(GridSearchCV, param_grid={"a": [0.1, 0.2, 0.3]})
    assert (
        calls(SearchCV, space={"a": [0.1, 0.2, 0.3]}, n_trials=3, sampler="grid", racing=None, prefer_default=None)
        == grid
    )


@pytest.mark.parametrize(
    ("estimator", "scoring"),
    [(Counting(), plain), (Counting(), lambda *a: {"a": plain(*a), "b": 0.0})],
)
def test_what_cannot_be_heard_is_none(estimator: Any, scoring: Any) -> None:
    kept = search(estimator, XB, YB, {"a": "float(0, 1)"}, scoring=scoring, refit=False)
    assert kept.evidence.predictions == [None] * 3


def test_a_score_of_the_estimator_s_own_is_heard_too() -> None:
    """Whether it is made of these predictions is for the reader to check: see test_conclusion.py."""
    kept = search(Scoring(), XB, YB, {"a": "float(0, 1)"}, refit=False)
    assert {p.method for row in kept.evidence.predictions for p in row} == {"predict"}  # type: ignore[union-attr]


class Property(Ridge):
    """Has its methods by properties, as estimators have that delegate to others."""

    @property
    def predict(self) -> Any:
        return super().predict


class Frozen(Ridge):
    """Takes no attributes but those that a fit sets."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "predict":
            raise TypeError("frozen")
        super().__setattr__(name, value)


@pytest.mark.parametrize("estimator", [Property(), Frozen()])
def test_an_estimator_whose_methods_cannot_be_replaced_is_scored_all_the_same(estimator: Any) -> None:
    found = GridSearchCV(estimator, {"alpha": [0.1, 1.0]}, cv=3, error_score="raise").fit(XR, YR)
    assert found.best_score_ == GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(XR, YR).best_score_


def test_of_several_metrics_the_deciding_one_is_heard() -> None:
    scoring = {"auc": "roc_auc", "acc": "accuracy", "mine": plain}
    kept = search(LogisticRegression(), XB, YB, scoring=scoring, refit="acc")
    assert {p.method for row in kept.evidence.predictions for p in row} == {"predict"}  # type: ignore[union-attr]
    assert kept.evidence.metric == "acc"
    assert np.array_equal(kept.evidence.scores[:, 1], kept.cv_results_["split1_test_acc"])
    kept = search(LogisticRegression(), XB, YB, scoring=scoring, refit="auc")
    assert {p.method for row in kept.evidence.predictions for p in row} == {"decision_function"}  # type: ignore[union-attr]
    for refitted in ("mine", False):
        kept = search(LogisticRegression(), XB, YB, scoring=scoring, refit=refitted)
        assert kept.evidence.predictions == [None] * 3


def test_a_class_that_a_fold_lacks_has_no_probability() -> None:
    y = np.repeat(np.arange(4), 20)
    scorer = make_scorer(lambda y, p: float(p.sum()), response_method="predict_proba")
    kept = search(LogisticRegression(), X, y, scoring=scorer, cv=KFold(4), refit=False)
    for split, p in enumerate(kept.evidence.predictions[0]):  # type: ignore[arg-type]
        assert p is not None
        assert p.values.shape == (20, 4)
        assert (p.values[:, split] == 0).all()
        assert p.values.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    # two classes are left: the scorer saw a column of one of them, and which is not known any more
    kept = search(LogisticRegression(), X, np.repeat([0, 1, 2], [27, 27, 26]), scoring=scorer, cv=KFold(3))
    assert kept.evidence.predictions == [None] * 3


def test_odd_targets_and_outputs() -> None:
    data, several = make_multilabel_classification(60, 5, random_state=0)
    kept = search(DecisionTreeClassifier(), data, several, {"max_depth": [1, 2, 3]}, sampler="grid")
    seen = kept.evidence.predictions[0][0]  # type: ignore[index]
    assert seen is not None
    assert seen.values.shape == (15, several.shape[1])
    assert encode("predict", [1, 2], np.array([1, 2]), None) is None
    assert encode("predict", np.array(["x"]), np.array([1, 2]), None) is None
    assert encode("predict", np.array([None]), np.array([1, 2]), None) is None
    got = encode("predict", np.array([1.5]), np.array([1, 2]), None)
    assert got is not None
    assert got.values.dtype == np.float32


def test_weights_and_groups_are_told() -> None:
    weight, groups = np.linspace(1, 2, 80), np.arange(80) // 5
    kept = search(SVC(), XB, YB, cv=GroupKFold(4), fit={"groups": groups})
    assert (kept.evidence.groups == groups).all()
    assert kept.evidence.sample_weight is None
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        estimator = LogisticRegression().set_fit_request(sample_weight=False)
        kept = search(estimator, XB, YB, scoring=scorer, fit={"sample_weight": weight})
    assert (kept.evidence.sample_weight == weight).all()
    assert kept.evidence.predictions[0] is not None


def test_the_evidence_of_a_race() -> None:
    kept = search(SVC(), XB, YB, {"C": "log(1e-5, 10)", "gamma": "log(1e-6, 10)"}, n_trials=12, racing="forgiving")
    evidence = kept.evidence
    assert (~evidence.ran.all(axis=1)).any()
    assert np.array_equal(evidence.ran.sum(axis=1), kept.cv_results_["n_splits_run"])
    assert np.array_equal(np.isnan(evidence.scores), ~evidence.ran)
    assert evidence.params == kept.cv_results_["params"]
    for row, ran in zip(evidence.predictions, evidence.ran, strict=True):
        assert [p is not None for p in row or []] == ran.tolist()
    assert evidence.numbers == [t.number for t in kept.study_.trials]


# -------------------------------------------------------------------------------------------------------------- bounds


def kept_of(size: int) -> list[Predictions | None]:
    return [Predictions("predict", np.zeros(size - stored.ARRAY_OVERHEAD, np.uint8)), None]


def test_beyond_the_bound_the_worst_are_let_go() -> None:
    cache = PredictionCache(bound=10_000)
    cache.put(0, True, 0.1, kept_of(1000))
    for i in range(1, 40):
        cache.put(i, i % 4 != 0, 0.01 * i if i != 7 else float("nan"), kept_of(1000))
    held = [i for i in range(40) if cache.get(i) is not None]
    assert 0 in held and 39 in held  # noqa: PT018  # the first and the best
    assert len(held) <= 10
    assert all(i % 4 for i in held[1:])  # those that were given up went first
    assert 7 not in held
    assert min(held[1:]) > 25
    alone = PredictionCache(bound=100)
    alone.put(0, True, 0.5, kept_of(1000))
    alone.put(1, True, 0.9, kept_of(1000))
    assert alone.get(0) is not None
    assert alone.get(1) is not None


def test_they_stay_with_the_study(tmp_path: Path, monkeypatch: Any) -> None:
    settings = {"storage": str(tmp_path / "t.db"), "racing": "forgiving", "n_trials": 8}
    space = {"C": "log(1e-4, 10)", "gamma": "log(1e-5, 10)"}
    first = search(SVC(), X, NAMES, space, **settings)
    again = search(SVC(), X, NAMES, space, **settings)
    for a, b in zip(first.evidence.predictions, again.evidence.predictions, strict=True):
        assert a is not None
        assert b is not None
        for p, q in zip(a, b, strict=True):
            assert (p is None) == (q is None)
            if p is not None and q is not None:
                assert p.method == q.method
                assert p.values.dtype == q.values.dtype
                assert np.array_equal(p.values, q.values)
    monkeypatch.setattr(stored, "MOST_STORED_CHARACTERS", 10)
    search(SVC(), X, NAMES, space, study_name="no room", **settings)
    again = search(SVC(), X, NAMES, space, study_name="no room", **settings)
    assert again.evidence.predictions == [None] * 8
    assert np.isfinite(again.evidence.scores[again.evidence.ran]).all()


def test_floats_survive_a_storage_and_what_is_missing_is_not_stored() -> None:
    row = [
        Predictions("predict_proba", np.random.default_rng(k).random((4 + k, 3)).astype(np.float32)) for k in range(3)
    ]
    back = stored.unpack_predictions(stored.pack_predictions(row), 3)
    for p, q in zip(row, back, strict=True):
        assert q is not None
        assert np.array_equal(p.values, q.values)
    assert stored.pack_predictions([row[0], None]) is None
    assert stored.pack_predictions([]) is None
    assert stored.unpack_predictions(None, 2) == [None, None]


def test_a_study_holds_predictions_only_where_it_is_stored(tmp_path: Path) -> None:
    grid = GridSearchCV(SVC(), {"C": [1, 2]}, cv=3, storage=str(tmp_path / "t.db")).fit(XB, YB)
    assert all("predictions" in t.user_attrs["sklearn"] for t in grid.study_.trials)  # for who resumes it
    in_memory = search(SVC(), XB, YB)
    assert all("predictions" not in t.user_attrs["sklearn"] for t in in_memory.study_.trials)


# ------------------------------------------------------------------------------------------------------ further splits


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_given_candidates_run_on_fresh_splits(n_jobs: Any) -> None:
    estimator = make_pipeline(StandardScaler(), SVC())
    fresh = list(ShuffleSplit(6, test_size=0.3, random_state=1).split(X))
    made = Kept(
        estimator, {"svc__C": "log(0.01, 10)"}, n_trials=4, sampler="random", random_state=0, cv=3, n_jobs=n_jobs
    )
    candidates = [{}, {"svc__C": 0.5}, {"svc__C": 2.0}]
    made.wanted = (candidates, fresh)  # type: ignore[attr-defined]
    made.fit(X, Y)
    assert len(made.cv_results_["params"]) == len(made.study_.trials) == 4  # nobody else is told
    for params, row in zip(candidates, made.found, strict=True):
        expected = cross_val_score(clone(estimator).set_params(**params), X, Y, cv=fresh)
        assert [o.test for o in row] == expected.tolist()
        assert all(o.predictions is not None and len(o.predictions.values) == 24 for o in row)


def test_a_fit_that_fails_afterwards_is_told() -> None:
    made = Kept(DummyClassifier(), {"strategy": ["most_frequent"]}, n_trials=1, cv=3)
    made.wanted = ([{"strategy": "constant", "constant": 9}], list(KFold(2).split(X)))  # type: ignore[attr-defined]
    made.fit(X, Y)
    assert all(o.error is not None and np.isnan(o.test) for o in made.found[0])
