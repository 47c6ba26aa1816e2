"""Successive halving gives what scikit-learn's gives, and can be killed and go on."""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn import model_selection
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.sklearn.test_same_as_sklearn import same

import tunesmith
from tunesmith.errors import ResumeError, SpaceError
from tunesmith.sklearn import HalvingGridSearchCV, HalvingRandomSearchCV

ROOT = Path(__file__).resolve().parents[2]
X, Y = make_classification(240, 6, flip_y=0.2, random_state=0)
PIPE = Pipeline([("scale", StandardScaler()), ("pca", PCA(random_state=0)), ("clf", LogisticRegression())])
NUMBERS = [
    *("n_resources_", "n_candidates_", "n_iterations_", "n_required_iterations_", "n_possible_iterations_"),
    *("min_resources_", "max_resources_", "n_remaining_candidates_"),
]


def theirs_of(ours: type) -> Any:
    return getattr(model_selection, ours.__name__)


def both(ours: type, estimator: Any, space: Any, data: Any = (X, Y), fit: Any = None, **settings: Any) -> Any:
    """Fit our search and scikit-learn's and assert that they agree; return ours."""
    found = []
    for kind in (ours, theirs_of(ours)):
        # a generator is used up by the first of the two
        own = {k: pickle.loads(pickle.dumps(v)) if isinstance(v, np.random.RandomState) else v
               for k, v in settings.items()}  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(kind(clone(estimator), space, **own).fit(*data, **(fit or {})))
    a, b = found
    same(a, b)
    for name in NUMBERS:
        assert getattr(a, name) == getattr(b, name), name
        assert type(getattr(a, name)) is type(getattr(b, name)), name
    assert a.cv_results_["iter"][a.best_index_] == a.n_iterations_ - 1
    if settings.get("refit", True):
        assert np.array_equal(a.predict(data[0]), b.predict(data[0]))
    return a


GRID = {"C": [0.01, 0.1, 1, 10, 100], "gamma": [0.01, 0.1, 1]}
DRAWN = {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-3, 1)}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"random_state": np.random.RandomState(3)},
        {"factor": 2, "min_resources": "smallest"},
        {"factor": 2.5, "min_resources": 30, "max_resources": 200},
        {"aggressive_elimination": True, "max_resources": 60, "min_resources": 30},
        {"scoring": "roc_auc", "return_train_score": False},
        {"scoring": lambda e, X, y: e.score(X, y), "refit": False},
        {"refit": lambda results: 0},
        {"cv": KFold(4, shuffle=True, random_state=1)},
        {"cv": [(np.arange(160), np.arange(160, 240)), (np.arange(80, 240), np.arange(80))]},
        {"n_jobs": 2},
        {"verbose": 1},
    ],
    ids=[
        *("default", "generator", "factor 2", "numbers", "aggressive", "scoring", "function", "refit", "splitter"),
        *("iterable", "jobs", "verbose"),
    ],
)
@pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_results_are_scikit_learns(kind: type, settings: dict[str, Any]) -> None:
    space = GRID if kind is HalvingGridSearchCV else DRAWN
    both(kind, SVC(), space, **{"random_state": 0, "cv": 3, **settings})


def test_a_number_of_candidates_is_drawn_as_there() -> None:
    space = [{"kernel": ["rbf"], "gamma": loguniform(1e-3, 1)}, {"kernel": ["poly"], "degree": randint(2, 4)}]
    search = both(HalvingRandomSearchCV, SVC(), space, n_candidates=8, min_resources="exhaust", random_state=1)
    assert search.n_candidates_[0] == 8


@pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_the_resource_may_be_a_parameter(kind: type) -> None:
    forest = RandomForestClassifier(random_state=0)
    space = {"max_depth": [1, 3, None], "max_features": [1, 2, 3]}
    search = both(kind, forest, space, resource="n_estimators", max_resources=18, min_resources=2, cv=2, random_state=0)
    assert search.n_resources_ == [2, 6, 18]
    assert search.best_params_["n_estimators"] == 18
    if kind is HalvingGridSearchCV:
        assert search.n_candidates_ == [9, 3, 1]


def test_pipelines_share_steps_without_a_difference() -> None:
    grid = {"pca__n_components": [2, 4], "clf__C": [0.1, 1, 10]}
    ours = HalvingGridSearchCV(PIPE, grid, cv=3, random_state=0).fit(X, Y)
    same(ours, theirs_of(HalvingGridSearchCV)(PIPE, grid, cv=3, random_state=0).fit(X, Y))


def test_regression_groups_and_weights() -> None:
    groups = np.repeat(np.arange(8), 15)
    fit = {"groups": groups, "sample_weight": np.linspace(1, 2, 120)}
    data = make_regression(120, 4, noise=9.0, random_state=0)
    both(HalvingGridSearchCV, Ridge(), {"alpha": [0.1, 1, 10, 99]}, data, fit, cv=GroupKFold(4), random_state=0)


class Sometimes(ClassifierMixin, BaseEstimator):
    def __init__(self, fails: bool = False, a: float = 0.0) -> None:
        self.fails = fails
        self.a = a

    def fit(self, X: Any, y: Any) -> Sometimes:
        if self.fails:
            raise RuntimeError("as asked")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return (X[:, 0] > self.a).astype(int)


def test_candidates_that_fail_drop_out_first() -> None:
    grid = {"fails": [True, False], "a": [-1.0, 0.0, 1.0]}
    search = both(HalvingGridSearchCV, Sometimes(), grid, factor=2, random_state=0)
    assert not search.best_params_["fails"]


# ---------------------------------------------------------------------------------------------- scikit-learn's contract


@pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_it_is_scikit_learns_class(kind: type) -> None:
    ours, theirs = (inspect.signature(k).parameters for k in (kind, theirs_of(kind)))
    assert [*theirs, "storage", "study_name", "progress"] == list(ours)
    assert {name: p.default for name, p in theirs.items()} == {name: ours[name].default for name in theirs}
    assert issubclass(kind, theirs_of(kind))
    search: Any = kind(SVC(), {"C": list(range(1, 20))}, random_state=0)
    assert repr(search).startswith(kind.__name__ + "(estimator=SVC(),")
    assert clone(search.set_params(factor=2)).get_params()["factor"] == 2
    again = pickle.loads(pickle.dumps(search.fit(X, Y)))
    assert np.array_equal(again.predict(X), search.predict(X))
    assert again.n_resources_ == search.n_resources_


@pytest.mark.slow
def test_nothing_is_to_be_enabled() -> None:
    code = (
        "import sklearn.model_selection as theirs\n"
        "from tunesmith.sklearn import HalvingGridSearchCV, HalvingRandomSearchCV\n"
        "assert 'HalvingGridSearchCV' not in vars(theirs)\n"  # nor do we enable it behind the user's back
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"factor": 1}, "'factor' parameter of HalvingGridSearchCV must be"),
        ({"scoring": ["accuracy", "f1"]}, "'scoring' parameter of HalvingGridSearchCV must be"),
        ({"scoring": lambda e, X, y: {"a": 1.0, "b": 2.0}}, r"returned several \(a, b\); return the one that decides"),
        ({"cv": ShuffleSplit(3)}, "must yield consistent folds"),
        ({"resource": "max_iter"}, "when max_resources='auto'"),
        ({"resource": "C", "max_resources": 9}, "it is part of the searched parameters"),
        ({"resource": "trees", "max_resources": 9}, "not supported by estimator SVC"),
        ({"min_resources": 300}, "min_resources_=300 is greater than max_resources_=240"),
    ],
)
def test_what_cannot_be_done_is_an_error(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HalvingGridSearchCV(SVC(), {"C": [1, 2, 3]}, **settings).fit(X, Y)


def test_names_are_checked_before_the_first_fit() -> None:
    with pytest.raises(SpaceError, match="did you mean 'gamma'"):
        HalvingGridSearchCV(SVC(), {"gama": [1, 2, 3]}).fit(X, Y)


# --------------------------------------------------------------------------------------------------------------- resume

FITS: list[tuple[float, int]] = []
STOP = [-1]


class Counted(ClassifierMixin, BaseEstimator):
    def __init__(self, a: float = 0.0, rounds: int = 1) -> None:
        self.a = a
        self.rounds = rounds

    def fit(self, X: Any, y: Any) -> Counted:
        if len(FITS) == STOP[0]:
            raise KeyboardInterrupt
        FITS.append((self.a, len(X)))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return (X[:, 0] * self.rounds > self.a).astype(int)


@pytest.fixture
def db(tmp_path: Path) -> str:
    FITS.clear()
    STOP[0] = -1
    return str(tmp_path / "t.db")


AS = [i / 4 for i in range(-4, 5)]  # 9 candidates, then 3, then 1: 26 fits on two folds


def make(kind: str, db: str | None, **settings: Any) -> Any:
    settings = {"cv": 2, "refit": False, "storage": db, **settings}
    if kind == "grid":
        return HalvingGridSearchCV(Counted(), {"a": AS}, **settings)
    if kind == "resource":
        more = {"resource": "rounds", "max_resources": 9}
        return HalvingGridSearchCV(Counted(), {"a": AS}, **more, **settings)
    if kind == "replay":  # 9 candidates on 80 rows, 3 on the same 80, 1 on 240
        more = {"min_resources": 80, "aggressive_elimination": True}
        return HalvingGridSearchCV(Counted(), {"a": AS}, **more, **settings)
    return HalvingRandomSearchCV(Counted(), {"a": loguniform(0.01, 2)}, n_candidates=9, min_resources=20, **settings)


def results(search: Any) -> Any:
    times = ("fit_time", "score_time")
    return repr({k: v.tolist() if hasattr(v, "tolist") else v for k, v in search.cv_results_.items()
                 if not k.endswith(times)})  # fmt: skip


KINDS = ["grid", "random", "resource", "replay"]


@pytest.mark.parametrize("seeded", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_search_fits_nothing_again(kind: str, seeded: bool, db: str) -> None:
    settings = {"random_state": 7} if seeded else {}  # without, draws and rows follow from the study
    first = make(kind, db, **settings).fit(X, Y)
    assert len(FITS) == 26
    again = make(kind, db, **settings).fit(X, Y)
    assert len(FITS) == 26
    assert results(again) == results(first)
    assert np.array_equal(again.cv_results_["mean_fit_time"], first.cv_results_["mean_fit_time"])
    assert again.best_index_ == first.best_index_
    assert len(again.study_.trials) == 13


@pytest.mark.parametrize(
    ("kind", "stop"),
    [
        pytest.param(kind, stop, marks=[pytest.mark.slow] * ((i + j) % len(KINDS) > 0))
        for i, kind in enumerate(KINDS)
        for j, stop in enumerate([0, 7, 18, 21, 25])
    ],
)
def test_an_interrupted_search_goes_on_where_it_stopped(kind: str, stop: int, db: str) -> None:
    whole = make(kind, None, random_state=3).fit(X, Y)
    FITS.clear()
    STOP[0] = stop
    with pytest.raises(KeyboardInterrupt):
        make(kind, db, random_state=3).fit(X, Y)
    FITS.clear()
    STOP[0] = -1
    resumed = make(kind, db, random_state=3).fit(X, Y)
    assert len(FITS) == 26 - stop // 2 * 2
    assert results(resumed) == results(whole)
    assert resumed.n_candidates_ == whole.n_candidates_ == [9, 3, 1]


def test_a_generator_goes_on_if_it_is_made_anew(db: str) -> None:
    first = make("random", db, random_state=np.random.RandomState(5)).fit(X, Y)
    again = make("random", db, random_state=np.random.RandomState(5)).fit(X, Y)
    assert len(FITS) == 26
    assert results(again) == results(first)


def test_another_schedule_takes_what_it_has_in_common(db: str) -> None:
    make("grid", db, random_state=0, min_resources=20).fit(X, Y)  # 20, 60, 180 rows
    FITS.clear()
    wider = make("grid", db, random_state=0, min_resources=20).set_params(param_grid={"a": [*AS, 1.5, 2.0]}).fit(X, Y)
    assert {a for a, n in FITS if n == 10} == {1.5, 2.0}
    assert wider.n_candidates_ == [11, 4, 2]
    FITS.clear()
    make("grid", db, random_state=0, min_resources=20, max_resources=60).fit(X, Y)
    assert FITS == []
    make("grid", db, random_state=1, min_resources=20).fit(X, Y)  # other rows
    assert len(FITS) == 26


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "data", "words"),
    [
        ({"estimator": Sometimes()}, (X, Y), "estimator class: was .*Counted, is .*Sometimes"),
        ({"scoring": "f1"}, (X, Y), "scoring: was None, is 'f1'"),
        ({"cv": 3}, (X, Y), "cv: was 2 splits, rows .*, is 3 splits, rows"),
        ({}, (X, 1 - Y), r"y: was .* content \w+, is .* content"),
    ],
)
def test_another_search_is_refused_with_what_differs(kind: str, change: Any, data: Any, words: str, db: str) -> None:
    search = make(kind, db, study_name="s").fit(X, Y)
    FITS.clear()
    if kind == "resource" and "estimator" in change:
        change = {**change, "resource": "fails"}
    with pytest.raises(ResumeError, match=words):
        search.set_params(**change).fit(*data)
    assert FITS == []


def test_a_study_shows_the_iterations(db: str) -> None:
    search = make("resource", db, return_train_score=False).fit(X, Y)
    study = tunesmith.load_study(storage=db, study_name="HalvingGridSearchCV-Counted")
    assert [t.user_attrs["iter"] for t in study.trials] == search.cv_results_["iter"].tolist()
    assert [t.user_attrs["n_resources"] for t in study.trials] == search.cv_results_["n_resources"].tolist()
    assert [t.params for t in study.trials] == search.cv_results_["params"]
    assert all(t.distributions["rounds"] == tunesmith.Int(1, 9) for t in study.trials)
    assert all(t.distributions.keys() == {"a", "rounds"} for t in study.trials)
    last = [t.value for t in study.trials if t.user_attrs["iter"] == search.n_iterations_ - 1]
    assert max(last) == search.best_score_


def test_progress_is_shown_for_each_iteration(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    search = make("grid", db, progress=True).fit(X, Y)
    shown = capsys.readouterr()
    assert not shown.out
    lines = shown.err.splitlines()
    heads = [line for line in lines if line.startswith("iter ")]
    assert heads == [
        "iter 0: 9 candidates, n_samples=26",
        "iter 1: 3 candidates, n_samples=78",
        "iter 2: 1 candidate, n_samples=234",
    ]
    assert "candidate 9/9" in shown.err
    assert "candidate 3/3" in shown.err
    # the best is that of the iteration: scores of others are not to be compared with it
    assert f"candidate 1/1 · best {search.best_score_:.5g} " in lines[-1]
    make("grid", db, progress=True).fit(X, Y)
    shown = capsys.readouterr()
    assert "3 finished candidates are kept" in shown.err
    assert f"best {search.best_score_:.5g} " in shown.err.splitlines()[-1]
    make("grid", None, progress=True).fit(X, Y)
    assert "iter 2: 1 candidate, n_samples=234" in capsys.readouterr().err


PROGRAM = """
import sys, time
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from tunesmith.sklearn import HalvingGridSearchCV

class Logged(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0.0):
        self.a = a
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        with open("log", "a") as log:
            log.write(f"{self.a} {2 * len(X)} {X.sum()}\\n")
        with open("log") as log:
            late = len(log.readlines()) > int(sys.argv[2])
        time.sleep(600 if late else 0.02)
        return self
    def predict(self, X):
        return (X[:, 0] > self.a).astype(int)

X, y = make_classification(64, 5, random_state=0)
search = HalvingGridSearchCV(
    Logged(), {"a": [i / 8 for i in range(16)]}, factor=2, min_resources=8, cv=2, refit=False, storage="t.db",
    n_jobs=int(sys.argv[1]),
)
search.fit(X, y)
print("finished", search.n_candidates_, search.n_resources_)
"""


def start(folder: Path, n_jobs: int, stop: int) -> subprocess.Popen[str]:
    """Run the program; from so many fits on it waits to be killed, and cannot be faster than the killer."""
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "program.py", str(n_jobs), str(stop)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_nothing_finished_is_fitted_again_after_a_kill(n_jobs: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for wanted in (12, 42):  # in the first iteration, and in the second
        process = start(tmp_path, n_jobs, wanted + 8)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and len(log.read_text().splitlines()) >= wanted:
                break
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert "finished" not in out, (out, err)
    study = tunesmith.load_study(storage=str(tmp_path / "t.db"), study_name="HalvingGridSearchCV-Logged")
    kept = {(str(t.params["a"]), str(t.user_attrs["n_resources"])) for t in study.trials if t.state.is_finished()}
    assert len(kept) >= 16
    before = log.read_text().splitlines()
    process = start(tmp_path, n_jobs, 10_000)
    out, err = process.communicate(timeout=120)
    assert out == "finished [16, 8, 4, 2] [8, 16, 32, 64]\n", (out, err)
    lines = log.read_text().splitlines()
    again = {tuple(line.split()[:2]) for line in lines[len(before) :]}
    assert not again & kept
    rows = {tuple(line.split()[1:]) for line in lines}
    assert len(rows) == 8  # two folds of each iteration: after a kill, the rows are the same


def test_workers_and_one_process_keep_the_same(db: str) -> None:
    search = HalvingGridSearchCV(GaussianNB(), {"var_smoothing": np.logspace(-9, 0, 7)}, storage=db, n_jobs=2).fit(X, Y)
    again = HalvingGridSearchCV(GaussianNB(), {"var_smoothing": np.logspace(-9, 0, 7)}, storage=db).fit(X, Y)
    assert results(again) == results(search)
