"""A search that is kept in a study goes on where it stopped, and refuses to go on with something else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.sklearn.bare import bare

import tunesmith
from tunesmith.errors import ResumeError
from tunesmith.foundation.states import FailureKind
from tunesmith.sklearn import GridSearchCV, RandomizedSearchCV, SearchCV
from tunesmith.sklearn.store.fingerprint import describe, describe_data, describe_estimator

ROOT = Path(__file__).resolve().parents[2]
X, Y = make_classification(60, 5, random_state=0)
FITS: list[float] = []


class Counted(ClassifierMixin, BaseEstimator):
    def __init__(self, a: float = 1.0, stop: int = -1, b: Any = None) -> None:
        self.a = a
        self.stop = stop
        self.b = b

    def fit(self, X: Any, y: Any) -> Counted:
        if len(FITS) == self.stop:
            raise KeyboardInterrupt
        FITS.append(self.a)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return (X[:, 0] > self.a).astype(int)


@pytest.fixture
def db(tmp_path: Path) -> str:
    FITS.clear()
    return str(tmp_path / "t.db")


def scores(search: Any) -> dict[str, Any]:
    return {k: v for k, v in search.cv_results_.items() if "_test_" in k or "_train_" in k}


def equal(a: Any, b: Any) -> bool:
    return scores(a).keys() == scores(b).keys() and all(
        np.array_equal(scores(a)[key], scores(b)[key], equal_nan=True) for key in scores(a)
    )


GRID = {"a": [0.0, 0.5, 1.0, 2.0]}


def make(kind: str, db: str | None, **settings: Any) -> Any:
    settings = {"cv": 3, "refit": False, "storage": db, **settings}
    if kind == "grid":
        return GridSearchCV(Counted(), GRID, **settings)
    if kind == "random":
        return RandomizedSearchCV(Counted(), {"a": loguniform(0.1, 2)}, n_iter=4, **settings)
    return bare(Counted(), {"a": "float(0, 2)"}, n_trials=4, sampler="random", racing=None, **settings)


@pytest.mark.parametrize("kind", ["grid", "random", "any"])
def test_a_finished_search_fits_nothing_again(kind: str, db: str) -> None:
    first = make(kind, db, return_train_score=True).fit(X, Y)
    assert len(FITS) == 12
    again = make(kind, db, return_train_score=True).fit(X, Y)
    assert len(FITS) == 12
    assert equal(first, again)
    assert repr(first.cv_results_["params"]) == repr(again.cv_results_["params"])
    assert np.array_equal(first.cv_results_["mean_fit_time"], again.cv_results_["mean_fit_time"])
    assert len(again.study_.trials) == 4


@pytest.mark.parametrize("kind", ["grid", "random", "any"])
@pytest.mark.parametrize("stop", [0, 4, 11])
def test_an_interrupted_search_goes_on_where_it_stopped(kind: str, stop: int, db: str) -> None:
    settings = {} if kind == "grid" else {"random_state": 3}
    whole = make(kind, None, **settings).fit(X, Y)
    FITS.clear()
    search = make(kind, db, **settings)
    with pytest.raises(KeyboardInterrupt):
        search.set_params(estimator=Stopping(stop=stop)).fit(X, Y)
    assert len(FITS) == stop
    kept = len([t for t in search.study_.trials if t.state.is_finished()])
    assert kept == stop // 3
    FITS.clear()
    resumed = make(kind, db, **settings).set_params(estimator=Stopping()).fit(X, Y)
    assert len(FITS) == 12 - (stop if kind == "any" else 3 * kept)  # SearchCV keeps single splits too
    assert equal(resumed, whole)


class Stopping(Counted):
    """`stop` is how the test interrupts it, and no parameter of the search."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"a": self.a, "b": self.b}

    def set_params(self, **params: Any) -> Stopping:
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Stopping:
        return Stopping(self.a, self.stop, self.b)


def test_candidates_may_change(db: str) -> None:
    GridSearchCV(Counted(), {"a": [0.0, 1.0]}, cv=3, storage=db, refit=False).fit(X, Y)
    more = GridSearchCV(Counted(), {"a": [2.0, 1.0, 0.0]}, cv=3, storage=db, refit=False).fit(X, Y)
    assert FITS == [0.0] * 3 + [1.0] * 3 + [2.0] * 3
    assert equal(more, GridSearchCV(Counted(), {"a": [2.0, 1.0, 0.0]}, cv=3, refit=False).fit(X, Y))
    settings = {"storage": db, "study_name": "s", "random_state": 0, "racing": None}
    fewer = SearchCV(Counted(), {"a": "float(0, 2)"}, n_trials=2, cv=3, **settings)
    fewer.fit(X, Y)
    FITS.clear()
    more = fewer.set_params(n_trials=5).fit(X, Y)
    assert len(FITS) == 9 + 1  # three candidates more, and the refit
    assert len(more.cv_results_["params"]) == 5


def test_a_candidate_that_stands_there_twice_is_kept_twice(db: str) -> None:
    for _ in range(2):
        search = GridSearchCV(Counted(), {"a": [1.0, 1.0]}, cv=3, storage=db, refit=False).fit(X, Y)
    assert len(FITS) == 6
    assert len(search.study_.trials) == 2


@pytest.mark.filterwarnings("ignore:One or more of the t", "ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("scoring", [None, ["accuracy", "recall"]])
def test_failures_are_kept_and_scored_as_the_search_now_says(scoring: Any, db: str) -> None:
    settings = {"cv": 2, "storage": db, "scoring": scoring, "refit": False, "return_train_score": True}
    grid = {"C": [-1.0, 1.0]}
    first = GridSearchCV(SVC(), grid, **settings).fit(X, Y)
    key = "mean_test_score" if scoring is None else "mean_test_recall"
    assert np.isnan(first.cv_results_[key][0])
    again = GridSearchCV(SVC(), grid, error_score=0.0, **settings).fit(X, Y)
    assert again.cv_results_[key][0] == 0.0
    assert again.cv_results_[key][1] == first.cv_results_[key][1]
    assert [t.state.name for t in again.study_.trials] == ["FAIL", "COMPLETE"]
    assert "InvalidParameterError" in str(again.study_.trials[0].reason)


@pytest.mark.parametrize("kind", ["grid", "random", "any"])
@pytest.mark.parametrize(
    ("change", "data", "words"),
    [
        ({"estimator": Counted(b=2)}, (X, Y), "estimator b: was None, is 2"),
        ({"estimator": LogisticRegression()}, (X, Y), "estimator class: was .*Counted, is .*LogisticRegression"),
        ({"scoring": "f1"}, (X, Y), "scoring: was None, is 'f1'"),
        ({"scoring": make_scorer(f1_score)}, (X, Y), "scoring: was None, is sklearn.metrics"),
        ({"cv": 4}, (X, Y), "cv: was 3 splits, rows .*, is 4 splits, rows"),
        ({"cv": KFold(3)}, (X, Y), "cv: was 3 splits"),
        ({}, (X[:-1], Y[:-1]), r"X: was ndarray of shape \(60, 5\).*, is ndarray of shape \(59, 5\)"),
        ({}, (X + 1e-9, Y), r"X: was .* content \w+, is .* content"),
        ({}, (X, 1 - Y), r"y: was .* content \w+, is .* content"),
        ({"return_train_score": True}, (X, Y), "no training scores"),
    ],
)
def test_another_search_is_refused_with_what_differs(kind: str, change: Any, data: Any, words: str, db: str) -> None:
    make(kind, db).fit(X, Y)
    FITS.clear()
    changed = make(kind, db, study_name=f"{type(make(kind, db)).__name__}-Counted").set_params(**change)
    if isinstance(changed.estimator, LogisticRegression):
        name = next(n for n in ("param_grid", "param_distributions", "space") if hasattr(changed, n))
        changed.set_params(**{name: {"C": [1, 2, 3, 4]}})
    with pytest.raises(ResumeError, match=words):
        changed.fit(*data)
    assert not FITS


def test_an_estimator_among_the_choices_that_changed_is_refused(db: str) -> None:
    """The study knows it by its name only; scores of another one must not come back under it."""

    def search(choices: Any) -> Any:
        pipeline = Pipeline([("clf", Counted())])
        return SearchCV(pipeline, {"clf": choices}, n_trials=1, sampler="random", random_state=0, cv=3, storage=db)

    search({"one": Counted(a=1.0)}).fit(X, Y)
    FITS.clear()
    search({"one": Counted(a=1.0)}).set_params(n_trials=1).fit(X, Y)
    assert FITS == [1.0], "refitted, and no more"
    with pytest.raises(ResumeError, match=r"have changed; candidate 0 was(.|\n)*a=1\.0(.|\n)*a=2\.0"):
        search({"one": Counted(a=2.0)}).fit(X, Y)
    with pytest.raises(ResumeError, match="choices of the study"):
        search({"two": Counted(a=1.0)}).fit(X, Y)
    assert FITS == [1.0]


def test_a_failure_that_was_kept_is_told_when_failures_are_to_raise(db: str) -> None:
    space = {"a": [-1.0]}
    settings: dict[str, Any] = {"n_trials": 1, "sampler": "random", "cv": 3, "refit": False, "storage": db}
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        SearchCV(Failing(), space, **settings).fit(X, Y)
    with pytest.raises(ResumeError, match=r"candidate 0 of the study failed in an earlier run(.|\n)*too low"):
        SearchCV(Failing(), space, error_score="raise", **settings).fit(X, Y)


class Failing(Counted):
    def fit(self, X: Any, y: Any) -> Failing:
        raise ValueError("too low")


def test_what_does_not_matter_may_change(db: str) -> None:
    make("grid", db).fit(X, Y)
    make("grid", db, n_jobs=2, verbose=1, pre_dispatch=3).fit(X, Y)
    assert len(FITS) == 12
    pipe = Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())])
    for verbose in (False, True):
        search = GridSearchCV(pipe.set_params(verbose=verbose), {"clf__C": [1.0]}, cv=2, storage=db, study_name="p")
        assert len(search.fit(X, Y).study_.trials) == 1


def test_fit_parameters_belong_to_the_search(db: str) -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, storage=db)
    search.fit(X, Y, sample_weight=np.ones(60))
    with pytest.raises(ResumeError, match="fit parameters sample_weight"):
        search.fit(X, Y, sample_weight=np.arange(60.0))


def test_splits_that_are_others_each_time_are_explained(db: str) -> None:
    search = make("grid", db, cv=ShuffleSplit(3))
    search.fit(X, Y)
    with pytest.raises(ResumeError, match="a splitter that shuffles needs a random_state"):
        search.fit(X, Y)


def test_a_study_of_something_else_is_not_touched(db: str) -> None:
    tunesmith.create_study(storage=db, study_name="mine", direction="maximize").optimize(lambda t: 1.0, n_trials=2)
    with pytest.raises(ResumeError, match="holds 2 trials that no search made; give another study_name"):
        make("grid", db, study_name="mine").fit(X, Y)
    assert len(tunesmith.load_study(storage=db, study_name="mine").trials) == 2


def test_two_searches_share_a_file(db: str) -> None:
    a = make("grid", db).fit(X, Y)
    b = make("any", db).fit(X, Y)
    assert {a.study_.study_name, b.study_.study_name} == {"GridSearchCV-Counted", "SearchCV-Counted"}
    assert set(tunesmith.get_all_study_names(db)) == {"GridSearchCV-Counted", "SearchCV-Counted"}


def test_a_study_shows_the_candidates(db: str) -> None:
    pipe = Pipeline([("scale", StandardScaler()), ("clf", SVC())])
    grid = {"clf": [SVC(), LogisticRegression()], "clf__C": [1, 10], "scale": ["passthrough"]}
    search = GridSearchCV(pipe, grid, cv=2, storage=db).fit(X, Y)
    study = tunesmith.load_study(storage=db, study_name="GridSearchCV-Pipeline")
    assert study.trials[0].params == {"clf": "SVC()", "clf__C": 1, "scale": "passthrough"}
    assert study.best_value == search.best_score_
    frame = study.trials_dataframe()
    assert len(frame) == 4
    assert frame["params_clf__C"].tolist() == [1, 10, 1, 10]


def test_candidates_that_are_no_space_of_ours_are_kept_too(db: str) -> None:
    for _ in range(2):  # a choice given twice, and values that no parameter can hold
        search = GridSearchCV(Counted(), {"a": [1.0, 1.0], "b": [np.arange(3), np.nan]}, cv=3, storage=db).fit(X, Y)
    assert len(search.study_.trials) == 4
    assert len(FITS) == 12 + 2  # and the refits


def test_progress_is_shown_and_says_that_it_resumes(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    make("grid", db, progress=True).fit(X, Y)
    shown = capsys.readouterr()
    assert "candidate 4/4" in shown.err
    assert "best" in shown.err
    assert not shown.out
    make("grid", db, progress=True, study_name=None).fit(X, Y)
    assert "Resuming 'GridSearchCV-Counted': 4 finished candidates are kept." in capsys.readouterr().err
    make("any", None, progress=True).fit(X, Y)
    assert "candidate 4/4" in capsys.readouterr().err
    make("grid", None).fit(X, Y)
    assert capsys.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------------- killed processes

PROGRAM = """
import sys, time
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from tunesmith.sklearn import GridSearchCV, SearchCV

class Logged(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0.0):
        self.a = a
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        with open("log", "a") as log:
            log.write(f"{self.a} {X.sum()}\\n")
        with open("log") as log:
            late = len(log.readlines()) > int(sys.argv[3])
        time.sleep(600 if late else 0.02)
        return self
    def predict(self, X):
        return (X[:, 0] > self.a).astype(int)

X, y = make_classification(60, 5, random_state=0)
settings = dict(cv=2, refit=False, storage="t.db", n_jobs=int(sys.argv[2]), progress=True)
if sys.argv[1] == "grid":
    search = GridSearchCV(Logged(), {"a": [i / 30 for i in range(30)]}, **settings)
else:
    settings |= dict(sampler="random", random_state=0, prefer_default=None, confirm=0)
    search = SearchCV(Logged(), {"a": "float(0, 1)"}, n_trials=30, **settings)
search.fit(X, y)
print("finished", len(search.cv_results_["params"]), search.cv_results_["mean_test_score"].sum())
"""


def start(folder: Path, kind: str, n_jobs: int, stop: int) -> subprocess.Popen[str]:
    """Run the program; from so many fits on it waits to be killed, and cannot be faster than the killer."""
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "program.py", kind, str(n_jobs), str(stop)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(folder: Path) -> set[str]:
    """The candidates that the study holds finished."""
    names = tunesmith.get_all_study_names(str(folder / "t.db")) if (folder / "t.db").exists() else []
    if not names:
        return set()
    study = tunesmith.load_study(storage=str(folder / "t.db"), study_name=names[0])
    return {str(t.params["a"]) for t in study.trials if t.state.is_finished()}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n_jobs"), [("grid", 1), ("any", 1), ("any", 2)])  # the workers of both are the same
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_nothing_finished_is_fitted_again_after_a_kill(kind: str, n_jobs: int, sign: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for wanted in (8, 30):
        process = start(tmp_path, kind, n_jobs, wanted + 8)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and len(log.read_text().splitlines()) >= wanted:
                break
            time.sleep(0.005)
        os.killpg(process.pid, sign)
        out, err = process.communicate(timeout=60)
        assert "finished" not in out, (out, err)
        before = finished(tmp_path)
        if sign == signal.SIGINT:
            assert re.search(r"Interrupted\. \d+ finished trials? of .* kept in .*t\.db", err), err
    fitted = log.read_text().splitlines()
    process = start(tmp_path, kind, n_jobs, 10_000)
    out, err = process.communicate(timeout=120)
    assert out.startswith("finished 30 "), (out, err)
    assert f"{len(before)} finished candidate" in err
    again = {line.split()[0] for line in log.read_text().splitlines()[len(fitted) :]}
    assert not again & before
    assert len(finished(tmp_path)) == 30


def test_a_candidate_that_was_under_way_at_two_kills_is_run_again(db: str) -> None:
    """Many are under way when a search is killed: that each was there twice is no sign that one is to blame."""
    search = make("any", db, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        search.set_params(estimator=Stopping(stop=4)).fit(X, Y)
    study = search.study_
    (trial,) = [t for t in study.trials if not t.state.is_finished()]
    for _ in range(2):
        again = study.ask()
        assert again.number == trial.number
        kept = study.storage.trials(study.study_id, [trial.number])[0]
        study.storage.release(study.study_id, {trial.number: kept.fence}, FailureKind.LOST)
    assert study.retries[FailureKind.LOST] > 2
    resumed = make("any", db, random_state=0).set_params(estimator=Stopping()).fit(X, Y)
    assert len(resumed.cv_results_["params"]) == 4


# ---------------------------------------------------------------------------------------------------- descriptions


def test_descriptions_are_the_same_in_another_process() -> None:
    code = (
        "import numpy as np, pandas as pd\n"
        "from scipy import sparse\n"
        "from sklearn.svm import SVC\n"
        "from sklearn.metrics import make_scorer, f1_score\n"
        "from tunesmith.sklearn.store.fingerprint import describe, describe_data\n"
        "things = [SVC(C=2, class_weight={1: 2.0}), make_scorer(f1_score, average='macro'), len, np.sum, {'a', 'b'},"
        " lambda x: x + 1, np.arange(3), np.float64(1.5), 1, None, 'x', [1, (2,)], np.random.RandomState(0)]\n"
        "data = [np.arange(6).reshape(2, 3), pd.DataFrame({'a': [1, 2], 'b': ['x', None]}), sparse.eye(3).tocsr(),"
        " ['some', 'text'], np.array(['a', None], dtype=object), pd.Series(['a', 'b'], dtype='category'), None]\n"
        "print([describe(t) for t in things], [describe_data(d) for d in data])\n"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert " at 0x" not in seen.pop()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        (None, "None"),
        (SVC(), SVC(C=2)),
        (lambda x: x + 1, lambda x: x + 2),
        (make_scorer(f1_score), make_scorer(accuracy_score)),
        (make_scorer(f1_score), make_scorer(f1_score, average="macro")),
        ([1, 2], (1, 2)),
        (np.arange(3), np.arange(3.0)),
        (np.random.RandomState(0), np.random.RandomState(1)),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
    ],
)
def test_different_things_are_described_differently(a: Any, b: Any) -> None:
    assert describe(a) != describe(b)


def test_order_in_memory_does_not_matter() -> None:
    assert describe_data(X) == describe_data(np.asfortranarray(X))
    assert describe_estimator(SVC(verbose=True)) == describe_estimator(SVC())
