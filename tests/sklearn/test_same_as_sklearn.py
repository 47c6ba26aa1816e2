"""The searches give what scikit-learn's give, to the bit, on every backend; only the times differ."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import loguniform, randint
from sklearn import model_selection, set_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import tunesmith.sklearn as tuned
from tunesmith.sklearn import GridSearchCV, RandomizedSearchCV

X, Y = make_classification(60, 6, random_state=0)
TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")


def same(ours: Any, theirs: Any) -> None:
    """Assert that two fitted searches hold the same results."""
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for key, expected in theirs.cv_results_.items():
        found = ours.cv_results_[key]
        if key in TIMES:
            assert found.dtype == expected.dtype
            assert found.shape == expected.shape
        elif key == "params":
            assert repr(found) == repr(expected)
        else:
            assert found.dtype == expected.dtype, key
            assert type(found) is type(expected), key
            if isinstance(expected, np.ma.MaskedArray):
                assert np.array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(expected)), key
            if expected.dtype == object:
                assert repr(found.tolist()) == repr(expected.tolist()), key
            else:
                a, b = np.ma.filled(found, 0), np.ma.filled(expected, 0)
                assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), key
    for name in ("best_index_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(ours, name, None) == getattr(theirs, name, None)
    assert repr(getattr(ours, "best_params_", None)) == repr(getattr(theirs, "best_params_", None))


def both(estimator: Any, grid: Any, data: Any = (X, Y), fit: dict[str, Any] | None = None, **settings: Any) -> Any:
    """Fit our grid search and scikit-learn's and assert that they agree; return ours."""
    ours = GridSearchCV(clone(estimator), grid, **settings)
    theirs = model_selection.GridSearchCV(clone(estimator), grid, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours.fit(*data, **(fit or {}))
        theirs.fit(*data, **(fit or {}))
    same(ours, theirs)
    if settings.get("refit", True):
        assert np.array_equal(ours.predict(data[0]), theirs.predict(data[0]))
    return ours


PIPE = Pipeline([("scale", StandardScaler()), ("pca", PCA(random_state=0)), ("clf", LogisticRegression())])
PIPE_GRID = {"pca__n_components": [2, 4], "clf__C": [0.1, 1, 10]}


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (GaussianNB(), {"var_smoothing": np.logspace(-9, -1, 7)}),
        (SVC(), [{"kernel": ["rbf"], "C": [1, 10], "gamma": [0.1, 1]}, {"kernel": ["poly"], "degree": [1, 2]}]),
        (DecisionTreeClassifier(random_state=0), {"max_depth": [1, None, 3], "criterion": ["gini", "entropy"]}),
        (SGDClassifier(random_state=np.random.RandomState(3)), {"alpha": [1e-4, 1e-2]}),
        (PIPE, PIPE_GRID),
        (PIPE, {"scale": ["passthrough", MinMaxScaler()], "clf": [LogisticRegression(), KNeighborsClassifier()]}),
        (PIPE, [{"pca": ["passthrough"], "clf__C": [1]}, {"pca": [SelectKBest()], "pca__k": [2, 3]}]),
        (GaussianNB(), {}),
    ],
    ids=["nb", "union", "tree", "random state", "pipeline", "steps", "branches", "default"],
)
@pytest.mark.parametrize("train", [False, True])
def test_results_are_scikit_learns(estimator: Any, grid: Any, train: bool) -> None:
    both(estimator, grid, cv=3, return_train_score=train)


@pytest.mark.parametrize(
    "settings",
    [
        {"scoring": "roc_auc"},
        {"scoring": ["accuracy", "f1"], "refit": "f1"},
        {"scoring": {"a": "accuracy", "b": make_scorer(accuracy_score)}, "refit": False},
        {"scoring": lambda e, X, y: {"n": len(X), "c": float(e.predict(X).mean())}, "refit": "c"},
        {"scoring": lambda e, X, y: e.score(X, y)},
        {"refit": lambda results: int(np.argmin(results["mean_test_score"]))},
        {"cv": model_selection.StratifiedShuffleSplit(4, random_state=1)},
        {"cv": [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]},
        {"pre_dispatch": "all"},
        {"verbose": 1},
    ],
    ids=["name", "list", "dict", "function of several", "function", "refit", "shuffle", "iterable", "all", "verbose"],
)
@pytest.mark.parametrize("estimator", [GaussianNB(), PIPE], ids=["plain", "pipeline"])
def test_settings_mean_what_they_mean_there(estimator: Any, settings: dict[str, Any]) -> None:
    grid = {"var_smoothing": [1e-9, 0.1, 1.0]} if isinstance(estimator, GaussianNB) else PIPE_GRID
    both(estimator, grid, **{"cv": 3, **settings})


FRAME = pd.DataFrame(X[:, :3], columns=["a", "b", "c"]).assign(d=np.where(X[:, 3] > 0, "u", "v"))
COLUMNS = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["d"])], remainder="drop")


@pytest.mark.parametrize(
    ("estimator", "grid", "data"),
    [
        (PIPE, PIPE_GRID, (X.tolist(), Y.tolist())),
        (Pipeline([("columns", COLUMNS), ("clf", SVC())]), {"clf__C": [1, 2]}, (FRAME, pd.Series(Y))),
        (LogisticRegression(), {"C": [1, 2]}, (sparse.csr_matrix(X), Y)),
        (SVC(kernel="precomputed"), {"C": [1, 2]}, (X @ X.T, Y)),
        (Ridge(), {"alpha": [1, 2]}, make_regression(40, 3, n_targets=2, random_state=0)),
        (PIPE, PIPE_GRID, (np.asfortranarray(X), np.array(["no", "yes"], dtype=object)[Y])),
    ],
    ids=["lists", "frame", "sparse", "precomputed", "targets", "Fortran and objects"],
)
def test_data_of_every_kind(estimator: Any, grid: Any, data: Any) -> None:
    both(estimator, grid, data, cv=3)


def test_data_without_targets() -> None:
    ours, theirs = (
        c(KMeans(random_state=0, n_init=1), {"n_clusters": [2, 3]}, cv=3).fit(X)
        for c in (GridSearchCV, model_selection.GridSearchCV)
    )
    same(ours, theirs)


@pytest.mark.parametrize("estimator", [LogisticRegression(), PIPE], ids=["plain", "pipeline"])
def test_fit_parameters_are_cut_with_the_rows(estimator: Any) -> None:
    weight = np.linspace(0.1, 3, 60)
    if isinstance(estimator, Pipeline):
        both(estimator, PIPE_GRID, fit={"clf__sample_weight": weight}, cv=3)
    else:
        both(estimator, {"C": [0.1, 1]}, fit={"sample_weight": weight}, cv=3)


def test_metadata_is_routed() -> None:
    set_config(enable_metadata_routing=True)
    try:
        estimator = LogisticRegression().set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        groups = np.repeat(np.arange(6), 10)
        both(
            estimator,
            {"C": [0.1, 1]},
            fit={"sample_weight": np.linspace(0.1, 3, 60), "groups": groups},
            cv=model_selection.GroupKFold(3),
            scoring=scorer,
        )
    finally:
        set_config(enable_metadata_routing=False)


class Sometimes(ClassifierMixin, BaseEstimator):
    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def fit(self, X: Any, y: Any) -> Sometimes:
        if self.fails:
            raise RuntimeError("as asked")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("scoring", [None, ["accuracy", "recall"]])
@pytest.mark.parametrize("error_score", [np.nan, -1.0])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_failed_fits_score_what_was_asked(scoring: Any, error_score: float, n_jobs: Any) -> None:
    settings = {"scoring": scoring, "refit": False, "cv": 2, "return_train_score": True}
    both(Sometimes(), {"fails": [False, True, False]}, error_score=error_score, n_jobs=n_jobs, **settings)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_failed_fits_are_reported_or_raised(n_jobs: Any) -> None:
    search = GridSearchCV(Sometimes(), {"fails": [False, True]}, cv=2, n_jobs=n_jobs)
    with pytest.warns(FitFailedWarning, match=r"(?s)2 fits failed out of a total of 4.*RuntimeError: as asked"):
        search.set_params(refit=False, error_score=0.0).fit(X, Y)
    with pytest.raises(RuntimeError, match="as asked"):
        search.set_params(error_score="raise").fit(X, Y)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        search.set_params(error_score=0.0, param_grid={"fails": [True]}).fit(X, Y)
    # the workers are still there after an error
    assert search.set_params(param_grid={"fails": [False]}, refit=True).fit(X, Y).best_score_ >= 0


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading", "sequential"])
def test_every_backend_gives_the_same(backend: str) -> None:
    theirs = model_selection.GridSearchCV(PIPE, PIPE_GRID, cv=3, return_train_score=True).fit(X, Y)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        ours = GridSearchCV(PIPE, PIPE_GRID, cv=3, return_train_score=True).fit(X, Y)
    same(ours, theirs)


def test_randomized_search_draws_the_same_candidates() -> None:
    spaces = [{"C": loguniform(0.01, 10), "kernel": ["rbf", "linear"]}, {"C": [1, 2], "degree": randint(1, 4)}]
    settings = {"n_iter": 6, "random_state": 7, "cv": 2}
    ours = RandomizedSearchCV(SVC(), spaces, **settings).fit(X, Y)
    same(ours, model_selection.RandomizedSearchCV(SVC(), spaces, **settings).fit(X, Y))


def test_a_search_of_ones_own_runs_on_the_engine() -> None:
    class Halving(tuned.BaseSearchCV):
        def __init__(self, estimator: Any, n_jobs: Any = None) -> None:
            super().__init__(estimator, n_jobs=n_jobs, cv=2)

        def _run_search(self, evaluate_candidates: Any) -> None:
            found = evaluate_candidates([{"C": 0.1}, {"C": 10.0}], more_results={"round": [0, 0]})
            best = found["params"][int(np.argmax(found["mean_test_score"]))]
            found = evaluate_candidates([best], cv=model_selection.KFold(2), more_results={"round": [1]})
            assert found["round"].tolist() == [0, 0, 1]

    for n_jobs in (None, 2):
        search = Halving(LogisticRegression(), n_jobs).fit(X, Y)
        assert len(search.cv_results_["params"]) == 3
        assert "mean_train_score" in search.cv_results_


def test_a_search_that_makes_its_candidates_in_two_steps_has_the_results_of_scikit_learn_s_grid() -> None:
    class Steps(tuned.BaseSearchCV):
        def __init__(self, estimator: Any, cv: Any = None) -> None:
            super().__init__(estimator, cv=cv, return_train_score=False)

        def _run_search(self, evaluate_candidates: Any) -> None:
            for c in (0.1, 1.0):
                evaluate_candidates([{"C": c}])

    steps = Steps(SVC(), cv=3).fit(X, Y)
    grid = model_selection.GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3).fit(X, Y)
    compared = 0
    for name in (n for n in dir(grid) if n.endswith("_") and n[0].islower()):
        theirs = getattr(grid, name)
        if isinstance(theirs, int | float | dict) and name not in ("cv_results_", "refit_time_"):
            assert getattr(steps, name) == theirs, name
            compared += 1
    assert compared >= 5
    same(steps, grid)


def test_it_is_a_scikit_learn_search() -> None:
    search = GridSearchCV(SVC(), {"C": [1]})
    assert isinstance(search, model_selection.GridSearchCV)
    assert repr(search) == "GridSearchCV(estimator=SVC(), param_grid={'C': [1]})"
    again = pickle.loads(pickle.dumps(search.fit(X, Y)))
    assert np.array_equal(again.predict(X), search.predict(X))
    assert clone(search).get_params()["param_grid"] == {"C": [1]}
    assert "estimator: SVC" in search._repr_html_() or "best_estimator_: SVC" in search._repr_html_()
