"""Several processes that run the same ``SearchCV`` on one study."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification

from tunesmith import create_study, load_study
from tunesmith.sklearn import SearchCV
from tunesmith.study.engine.ask import Asker

X, Y = make_classification(60, 4, random_state=0)


class Slow(ClassifierMixin, BaseEstimator):
    """Takes a moment."""

    def __init__(self, a: float = 0.5) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = [0, 1]
        time.sleep(0.005)
        return self

    def predict(self, X: Any) -> Any:
        return [int(row[0] > self.a) for row in X]


def searched(storage: Path) -> SearchCV:
    search = SearchCV(
        Slow(), {"a": "float(0, 1)"}, n_trials=10, cv=3, random_state=0, sampler="random", storage=str(storage)
    )
    return search.fit(X, Y)


@pytest.mark.filterwarnings("ignore:.*being run by other processes")
def test_n_trials_is_that_of_the_study(tmp_path: Path) -> None:
    found: list[SearchCV] = []
    threads = [threading.Thread(target=lambda: found.append(searched(tmp_path / "t.db"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(found[0].study_.trials) == 10
    assert max(len(s.cv_results_["params"]) for s in found) == 10  # the last one to end has all
    third = searched(tmp_path / "t.db")
    assert len(third.study_.trials) == len(third.cv_results_["params"]) == 10


def defaults(storage: Path) -> list[int]:
    """The numbers of the trials of the default, of ten trials."""
    trials = load_study(study_name="SearchCV-Slow", storage=storage).trials
    assert len(trials) == 10
    return [t.number for t in trials if t.params == {"a": 0.5}]


@pytest.mark.filterwarnings("ignore:.*being run by other processes")
def test_threads_that_start_at_once_try_the_default_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)
    planned = threading.local()
    plan_next = Asker.plan_next

    def together(study: Asker, *args: Any, **kwargs: Any) -> Any:
        found = plan_next(study, *args, **kwargs)
        if not hasattr(planned, "once"):
            planned.once = both.wait()  # neither starts a trial before both have planned
        return found

    monkeypatch.setattr(Asker, "plan_next", together)
    threads = [threading.Thread(target=searched, args=[tmp_path / "t.db"]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert defaults(tmp_path / "t.db") == [0]


AT_ONCE = """
import sys, time, warnings
from pathlib import Path
from tests.sklearn.test_together import searched
warnings.simplefilter("ignore")
folder, me, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
for i in range(5):
    (folder / f"{i}-{me}").touch()
    while not (folder / f"{i}-{other}").exists():
        pass
    searched(folder / f"{i}.db")
"""


@pytest.mark.slow
def test_processes_that_start_at_once_try_the_default_once(tmp_path: Path) -> None:
    for i in range(5):  # there before, so that to make it takes neither longer
        create_study(storage=tmp_path / f"{i}.db", study_name="SearchCV-Slow", direction="maximize")
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", AT_ONCE, str(tmp_path)]
    runs = [
        subprocess.Popen([*command, *names], cwd=root, env={**os.environ, "PYTHONPATH": paths})
        for names in (["a", "b"], ["b", "a"])
    ]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert [defaults(tmp_path / f"{i}.db") for i in range(5)] == [[0]] * 5


def test_the_default_comes_next_in_a_study_that_has_no_trial_of_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"cv": 3, "random_state": 0, "sampler": "random", "storage": str(tmp_path / "t.db")}
    without = SearchCV(Slow(), {"a": "float(0, 1)"}, n_trials=4, prefer_default=None, **settings).fit(X, Y)
    begun = without.study_.ask()  # as another process would
    without.study_.enqueue_trial({"a": 0.25})
    search = SearchCV(Slow(), {"a": "float(0, 1)"}, n_trials=8, **settings)
    with pytest.warns(UserWarning, match="1 candidate of"):
        search.fit(X, Y)
    assert [t.params["a"] for t in search.study_.trials][5:7] == [0.25, 0.5]
    assert begun.number == 4


def test_what_others_are_running_is_told(tmp_path: Path) -> None:
    first = searched(tmp_path / "t.db")
    other = SearchCV(
        Slow(), {"a": "float(0, 1)"}, n_trials=12, cv=3, random_state=0, sampler="random", storage=tmp_path / "t.db"
    )
    begun = [first.study_.ask(), first.study_.ask()]  # as another process would
    with pytest.warns(UserWarning, match="2 candidates of the study 'SearchCV-Slow' are being run by other processes"):
        other.fit(X, Y)
    assert len(other.cv_results_["params"]) == 10
    first.study_.release([t.number for t in begun])
    assert len(other.fit(X, Y).cv_results_["params"]) == 12


def test_a_search_that_finds_nothing_left_to_do_says_who_does_it(tmp_path: Path) -> None:
    from tunesmith import create_study
    from tunesmith.space import Space

    space = Space({"a": "float(0, 1)"})
    study = create_study(
        storage=tmp_path / "t.db", study_name="SearchCV-Slow", direction="maximize", space=space, sampler="random"
    )
    for _ in range(10):
        study.ask()
    with (
        pytest.warns(UserWarning, match="10 candidates"),
        pytest.raises(ValueError, match="other processes run all 10 candidates"),
    ):
        searched(tmp_path / "t.db")
