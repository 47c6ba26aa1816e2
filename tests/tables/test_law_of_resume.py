"""A call of `tune` that was killed and made again is the call that was not killed, to the last digit.

A child process makes each call once and copies its storage after every write. A copy is what a kill there would have
left: the process that began its trials is dead by the time it is opened.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid

import tunesmith
from tunesmith.errors import TunesmithError
from tunesmith.storage.sql import SQLStorage
from tunesmith.tables import TableTuner, folds, store


class Mute(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """Has no parameters that are searched, so that there is soon nothing to try."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}


CLASSES = make_classification(150, 4, random_state=0)
NUMBERS = make_regression(150, 4, noise=9.0, random_state=0)
BASE: dict[str, Any] = {"models": ["linear", "tree", "neighbours"], "cv": 3, "n_trials": 9, "timeout": None}
CALLS: dict[str, dict[str, Any]] = {
    "levels": {"n_trials": 12},
    "folds": {"fidelity": None, "random_state": 3, "ensemble": False, "data": NUMBERS},
    "files": {"sampler": "gp", "n_trials": 7, "characters": 0},
    "exhausted": {"models": {"bayes": Mute(), "nearest": NearestCentroid()}, "cv": 2, "n_trials": 30},
}
WRITES = ("create_study", "set_attr", "add", "start", "report", "finish", "release", "put_artifact")
MOST = 3  # kills of each call, where not all are tried


@contextmanager
def small(characters: int) -> Iterator[None]:
    """Let few rows be screened on fewer, and answers that are longer be files."""
    before = folds.FEWEST_TRAINED, store.MOST_CHARACTERS
    folds.FEWEST_TRAINED, store.MOST_CHARACTERS = 10, characters
    try:
        yield
    finally:
        folds.FEWEST_TRAINED, store.MOST_CHARACTERS = before


def run(storage: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return everything but times that a call found."""
    told = {**BASE, "random_state": 0, **settings}
    X, y = told.pop("data", CLASSES)
    with small(told.pop("characters", 2**16)):
        search = TableTuner(storage=str(storage), **told).fit(X, y)
    found = {key: np.asarray(v).astype(str).tolist() for key, v in search.cv_results_.items() if "time" not in key}
    trials = [(t.number, t.state.name, repr(t.values), repr(t.params), t.reason) for t in search.study_.trials]
    return found | {
        "honest": repr(search.honest_score_),
        "report": [line for line in str(search.report_).splitlines() if "A prediction takes" not in line],
        "places": [(place.model, repr(place.score)) for place in search.leaderboard_.places],
        "predicted": search.predict(X).tolist(),
        "trials": trials,
    }


def copy(source: Path, target: Path) -> None:
    """Copy a database with its artifacts as it is at one moment."""
    old, new = sqlite3.connect(source), sqlite3.connect(target)
    with new:
        old.backup(new)
    old.close()
    new.close()
    if (files := Path(f"{source}.artifacts")).exists():
        shutil.copytree(files, f"{target}.artifacts")


def straight(storage: Path, settings: dict[str, Any]) -> None:
    """Make a call that is not killed, and leave what a kill after each of its writes would have left."""
    n = 0

    def copied(write: Callable[..., Any]) -> Callable[..., Any]:
        def both(self: SQLStorage, *args: Any, **kwargs: Any) -> Any:
            nonlocal n
            done = write(self, *args, **kwargs)
            copy(storage, storage.with_name(f"{storage.stem}-{n}.db"))
            n += 1
            return done

        return both

    for name in WRITES:
        setattr(SQLStorage, name, copied(getattr(SQLStorage, name)))
    storage.with_suffix(".found").write_bytes(pickle.dumps(run(storage, settings)))


def in_a_child(storage: Path, name: str) -> dict[str, Any]:
    program = f"import pathlib, {__name__} as law; law.straight(pathlib.Path({str(storage)!r}), law.CALLS[{name!r}])"
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900, env={**os.environ, "PYTHONPATH": path})
    found: dict[str, Any] = pickle.loads(storage.with_suffix(".found").read_bytes())
    return found


def copies_of(storage: Path) -> list[Path]:
    """Return what kills would have left, in their order."""
    found = storage.parent.glob(f"{storage.stem}-*.db")
    return sorted(found, key=lambda path: int(path.stem.rpartition("-")[2]))


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_was_killed_and_made_again_is_the_one_that_was_not(tmp_path: Path, name: str) -> None:
    """Killed early and late; with TUNESMITH_FAULTS=full after every write."""
    expected = in_a_child(tmp_path / "t.db", name)
    copies = copies_of(tmp_path / "t.db")
    assert len(copies) > 4 * len(expected["params"])
    if os.environ.get("TUNESMITH_FAULTS") != "full":
        copies = [*copies[1 :: len(copies) // MOST], copies[-3]]
    for killed in [*copies, tmp_path / "t.db"]:
        assert run(killed, CALLS[name]) == expected, killed


@pytest.mark.slow
def test_killed_twice(tmp_path: Path) -> None:
    expected = in_a_child(tmp_path / "t.db", "levels")
    copies = copies_of(tmp_path / "t.db")
    killed = copies[len(copies) // 3]
    assert in_a_child(killed, "levels") == expected
    again = copies_of(killed)
    assert run(again[len(again) // 2], CALLS["levels"]) == expected
    states = [state for _, state, *_ in expected["trials"]]
    assert "FAIL" not in states
    assert "WAITING" not in states


SLOW = """
import pathlib, sys, time
from {module} import CALLS, run
from tunesmith.tables.responses import Responding
fit = Responding.fit
def slowly(*args, **kwargs):
    time.sleep(0.1)
    return fit(*args, **kwargs)
Responding.fit = slowly
print("begins", flush=True)
run(pathlib.Path(sys.argv[1]), CALLS["folds"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_for_good(tmp_path: Path) -> None:
    expected = run(tmp_path / "whole.db", CALLS["folds"])
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    command = [sys.executable, "-c", SLOW.format(module=__name__), str(tmp_path / "t.db")]
    for fits in (3, 8):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
        while n_fits(tmp_path / "t.db") < fits:
            assert child.poll() is None
            time.sleep(0.02)
        child.kill()
        child.communicate()
    assert run(tmp_path / "t.db", CALLS["folds"]) == expected


def n_fits(storage: Path) -> int:
    """Return how many fits a storage holds."""
    if not storage.exists():
        return 0
    try:
        trials = tunesmith.load_study(study_name="tune", storage=str(storage)).trials
    except TunesmithError:  # it is being made
        return 0
    return sum(name.startswith(store.FIT) for trial in trials for name in trial.system_attrs)
