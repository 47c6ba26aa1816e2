"""Bad input to ``SearchCV``: what cannot work is an error before the first fit, what works in part is one warning."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from tests.sklearn.versions import with_weighted_scores

from tunesmith import Float
from tunesmith.sklearn import GridSearchCV, SearchCV

X, Y = make_classification(60, 5, random_state=0)
SORTED = np.sort(Y)
FLOATS = Y + np.linspace(0, 1, 60)
C = {"C": [0.1, 1.0]}
ALPHA = {"alpha": [0.1, 1.0]}
DEPTH = {"max_depth": [1, 2]}
PAIRS = np.arange(60) % 2


class Probe(ClassifierMixin, BaseEstimator):
    """Counts its fits; predicts nothing but the first class; scores as it is told."""

    fits: ClassVar[int] = 0

    def __init__(self, a: float = 0.0, value: float = 0.5) -> None:
        self.a = a
        self.value = value

    def fit(self, X: Any, y: Any = None) -> Probe:
        Probe.fits += 1
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(X.shape[0], self.classes_[0])

    def score(self, X: Any, y: Any = None) -> float:
        return self.value


class Lenient(RegressorMixin, BaseEstimator):
    """Takes targets that are missing."""

    def __init__(self, a: float = 0.0) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Lenient:
        self.mean_ = np.nanmean(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_)


def search(estimator: Any, space: Any, **settings: Any) -> SearchCV:
    return SearchCV(estimator, space, **{"n_trials": 2, "sampler": "random", "random_state": 0, "cv": 5, **settings})


def missing(y: Any) -> Any:
    return np.where(np.arange(60) == 3, np.nan, y)


@pytest.mark.parametrize(
    ("estimator", "space", "rows", "y", "settings", "words"),
    [
        (Ridge(), ALPHA, 3, FLOATS, {}, ["KFold cannot split 3 rows", "n_samples=3", "Use fewer folds"]),
        (LogisticRegression(), C, 6, [0, 0, 0, 1, 1, 1], {}, ["6 rows of 2 classes (the largest has 3)", "fewer"]),
        (LogisticRegression(), C, 60, Y, {"cv": GroupKFold(5)}, ["The 'groups' parameter", "Pass groups to fit"]),
        (Ridge(), ALPHA, 60, FLOATS, {"cv": [([0, 1], [])]}, ["cv leaves no test rows in split 0", "60 rows"]),
        (LogisticRegression(), C, 60, Y * 0, {}, ["y has only one class, 0 in all 60 rows", "at least two"]),
        (Probe(), {"a": [1, 2]}, 60, ["x"] * 60, {}, ["y has only one class, 'x' in all 60 rows"]),
        (Ridge(), ALPHA, 60, missing(FLOATS), {}, ["Input y contains NaN", "1 of 60", "leave these rows out"]),
        (Ridge(), ALPHA, 60, np.where(PAIRS, np.inf, FLOATS), {}, ["Input y contains infinity"]),
        (LogisticRegression(), C, 60, None, {}, ["requires y to be passed, but the target y is None"]),
        (LogisticRegression(), C, 60, Y[:50], {}, ["inconsistent numbers of samples: [60, 50]"]),
        (LogisticRegression(), [], 60, Y, {}, ["a list of dicts needs at least one dict"]),
        (
            LogisticRegression(), C, 60, SORTED, {"cv": KFold(5), "scoring": "roc_auc"},
            ["'roc_auc_score' has no value on the test rows of splits 0, 1, 3, 4: Only one class", "StratifiedKFold"],
        ),
        (
            LogisticRegression(), C, 60, SORTED.astype(str), {"cv": KFold(5), "scoring": "neg_log_loss"},
            ["'log_loss' has no value on the test rows of splits 0, 1, 3, 4", "only one label (0)"],
        ),
        (
            LogisticRegression(), C, 60, SORTED,
            {"cv": KFold(5), "scoring": ["accuracy", "roc_auc"], "refit": "roc_auc"},
            ["the metric 'roc_auc' has no value"],
        ),
        (
            Ridge(), ALPHA, 60, FLOATS, {"cv": LeaveOneOut()},
            ["the estimator's own score has no value", "splits 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 50 more", "fewer"],
        ),
        (LinearSVC(), C, 60, Y, {"scoring": "neg_log_loss"}, ["'log_loss' needs predict_proba, which LinearSVC does"]),
        (
            make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 2]}, 60, Y, {"scoring": "neg_log_loss"},
            ["which SVC does not have as it is configured", "CalibratedClassifierCV"],
        ),
        (
            SGDClassifier(), {"loss": ["hinge", "log_loss"]}, 60, Y,
            {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"},
            ["of 64 random points", "the metric 'neg_log_loss' needs predict_proba, which SGDClassifier does not have"],
        ),
        (Probe(), {"a": [1, 2]}, 60, Y, {"scoring": "roc_auc"}, ["64 of 64", "predict_proba, which Probe does not"]),
    ],
)  # fmt: skip
def test_what_cannot_work_is_an_error_before_the_first_fit(
    estimator: Any, space: Any, rows: int, y: Any, settings: dict[str, Any], words: list[str]
) -> None:
    Probe.fits = 0
    with pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, words))):
        search(estimator, space, **settings).fit(X[:rows], None if y is None else y[:rows])
    assert Probe.fits == 0


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (PAIRS, r"60 values for groups, 2 of them different.*number of groups: 2.*fewer folds, or rows of more groups"),
        (PAIRS[:50], r"50 values for groups.*groups needs one value for each row"),
    ],
)
def test_groups_that_cannot_be_split(groups: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){words}"):
        search(LogisticRegression(), C, cv=GroupKFold(5)).fit(X, Y, groups=groups)


@pytest.mark.parametrize(
    ("estimator", "space", "y", "settings", "words"),
    [
        (Ridge(), ALPHA, np.ones(60), {}, "y is 1.0 in all 60 rows"),
        (LogisticRegression(), {}, Y, {}, "the space has no parameters"),
        (
            DecisionTreeClassifier(), DEPTH, SORTED, {"cv": KFold(2)},
            "The training rows of splits 0, 1 have one class only",
        ),
        (
            SGDClassifier(loss="log_loss", random_state=0), {"loss": ["hinge", "log_loss"]}, Y,
            {"scoring": "neg_log_loss", "sampler": "grid", "n_trials": 4},
            "random points of the space cannot be scored: the metric 'log_loss' needs predict_proba, which SGDClassif",
        ),
        (
            LogisticRegression(), C, SORTED,
            {"cv": KFold(5), "scoring": ["accuracy", "roc_auc"], "refit": "accuracy"},
            "the metric 'roc_auc' has no value on the test rows of splits 0, 1, 3, 4",
        ),
        (
            Probe(), {"value": [0.5, np.nan]}, Y, {"sampler": "grid", "n_trials": 4},
            "candidates were fitted but have a score of NaN",
        ),
    ],
)  # fmt: skip
def test_what_works_in_part_is_one_warning(
    estimator: Any, space: Any, y: Any, settings: dict[str, Any], words: str
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = search(estimator, space, **settings).fit(X, y)
    assert sum(words in str(w.message) for w in caught) == 1, [str(w.message) for w in caught]
    assert np.isfinite(found.best_score_)


class CountedRidge(Ridge):
    """Of another library, as far as the checks before the first fit know."""

    fits = 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CountedRidge:
        CountedRidge.fits += 1
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_metric_that_cannot_score_the_default_is_told_before_the_second_candidate(
    n_jobs: int | None, tmp_path: Path
) -> None:
    y = np.random.default_rng(0).normal(size=len(X))
    for _ in range(2):  # a second search over the same study is told again
        CountedRidge.fits = 0
        search = SearchCV(
            CountedRidge(), {"alpha": Float(0.1, 10.0, log=True)}, n_trials=30, cv=3, scoring="accuracy",
            storage=tmp_path / "s.db", n_jobs=n_jobs, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that scoring failed, once
            with pytest.raises(ValueError, match=r"failed on all 3 splits with ValueError: .*take another scoring="):
                search.fit(X, y)
        assert n_jobs or CountedRidge.fits == 3


def test_a_default_without_the_method_of_the_metric_does_not_end_the_search() -> None:
    class OwnSVC(SVC):
        pass

    def log_likelihood(estimator: Any, X: Any, y: Any) -> float:
        return float(np.log(estimator.predict_proba(X)[np.arange(len(y)), y]).mean())

    space = {"probability": [False, True]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = SearchCV(OwnSVC(random_state=0), space, cv=2, scoring=log_likelihood).fit(X, (X[:, 0] > X[0, 0]) * 1)
    assert search.best_params_ == {"probability": True}


def test_where_a_metric_has_no_value_the_warning_is_of_scikit_learns_class() -> None:
    settings = {"cv": KFold(5), "scoring": "neg_log_loss", "error_score": -9.0}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = search(LogisticRegression(), C, **settings).fit(X, SORTED)
    assert sum(w.category is UndefinedMetricWarning for w in caught) == 1
    assert found.best_score_ < -7  # error_score stands where there is no value


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_there_is_no_winner_if_every_candidate_has_a_nan() -> None:
    with pytest.raises(ValueError, match=r"0 of \d+ fits failed; \d+ succeeded but scored NaN.*on all splits"):
        search(Probe(value=np.nan), {"a": [1, 2]}).fit(X, Y)
    last = X[-1, 0]

    def score(estimator: Any, X: Any, y: Any) -> float:
        return np.nan if last in X[:, 0] else 1.0

    with pytest.raises(ValueError, match=r"scored NaN.*for all candidates on split 4: look at the test"):
        search(Probe(), {"a": [1, 2]}, cv=KFold(5), scoring=score).fit(X, Y)


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more of the test scores are non-finite")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_where_there_is_no_winner_the_error_of_a_fit_is_told() -> None:
    holed = X.copy()
    holed[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"failed, the first one with ValueError: Input X contains NaN; \d+ succeeded"):
        search(LogisticRegression(), C).fit(holed, Y)


class OneShot:
    """A splitter whose ``split`` can be called once."""

    def __init__(self) -> None:
        self.left: Iterator[Any] = iter(StratifiedKFold(3).split(X, Y))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return 3

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Any]:
        return self.left


MASKS = [(PAIRS == 0, PAIRS == 1), (PAIRS == 1, PAIRS == 0)]
MANY_X, MANY_Y = make_multilabel_classification(60, 5, random_state=0)


@pytest.mark.parametrize(
    ("estimator", "space", "X", "y", "settings"),
    [
        (KMeans(n_init=1), {"n_clusters": [2, 3]}, X, None, {}),
        (Probe(), {"a": [1, 2]}, X, None, {"cv": 2}),
        (KNeighborsClassifier(), {"n_neighbors": [1, 2]}, MANY_X, MANY_Y, {}),
        (Ridge(), ALPHA, X, np.column_stack([FLOATS, np.ones(60)]), {}),
        (LogisticRegression(), C, sparse.csr_array(X), Y, {"scoring": "neg_log_loss"}),
        (LogisticRegression(), C, pd.DataFrame(X), pd.Series(Y).map({0: "a", 1: "b"}), {"scoring": "roc_auc"}),
        (LogisticRegression(), C, X.tolist(), Y.tolist(), {}),
        (SVC(kernel="precomputed"), C, X @ X.T, Y, {"scoring": "roc_auc"}),
        (LogisticRegression(), C, X, Y, {"cv": OneShot()}),
        (LogisticRegression(), C, X, Y, {"cv": MASKS}),
        (Lenient(), {"a": [1, 2]}, X, missing(FLOATS), {"scoring": lambda e, X, y: -float(np.nanmean(y))}),
        (
            StackingClassifier([("tree", DecisionTreeClassifier())], cv=2), {"passthrough": [True, False]}, X, Y,
            {"scoring": "neg_log_loss", "cv": 2},
        ),
    ],
)  # fmt: skip
def test_good_input_passes_without_a_word(estimator: Any, space: Any, X: Any, y: Any, settings: dict[str, Any]) -> None:
    assert np.isfinite(search(estimator, space, **settings).fit(X, y).best_score_)


@pytest.mark.filterwarnings("ignore")
def test_the_other_searches_do_what_scikit_learns_do() -> None:
    found = GridSearchCV(LinearSVC(), C, scoring="neg_log_loss", cv=3).fit(X, Y)
    assert np.isnan(found.best_score_)


@pytest.mark.parametrize(
    ("y", "settings", "kind", "words"),
    [
        (np.array([*"aba", None, *"ab" * 28], dtype=object), {}, TypeError, "several types, NoneType, str"),
        (Y, {"cv": []}, ValueError, "makes no splits, of 60 rows"),
    ],
)
def test_what_cannot_be_split_is_named(y: Any, settings: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        search(LogisticRegression(), C, **settings).fit(X, y)


@with_weighted_scores
@pytest.mark.parametrize("weight", [-np.ones(60), np.zeros(60), np.full(60, np.inf)])
def test_weights_that_no_score_can_have_are_told_before_the_first_fit(weight: Any) -> None:
    with pytest.raises(ValueError, match="sample_weight must be finite, not negative"):
        search(LogisticRegression(), C).fit(X, Y, sample_weight=weight)


@with_weighted_scores
@pytest.mark.parametrize("weight", [np.ones(3), np.ones(61)])
def test_weights_of_other_rows_are_told_before_the_first_fit(weight: Any) -> None:
    with pytest.raises(ValueError, match="one weight for each row"):
        search(LogisticRegression(), C).fit(X, Y, sample_weight=weight)


@pytest.mark.filterwarnings("ignore:y is 1.0 in all 60 rows")
@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
def test_where_nothing_varies_no_interval_is_made_up(scoring: str | None) -> None:
    found = search(Ridge(), ALPHA, scoring=scoring).fit(X, np.ones(60))
    assert np.isnan(found.honest_score_.interval).all()
    assert "(no interval)" in str(found.report_)
