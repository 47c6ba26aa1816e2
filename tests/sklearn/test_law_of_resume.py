"""A search that was killed and run again is the search that was not killed, to the last digit.

A child process runs each search once and copies its storage at the beginning of every fit. A copy is what a kill there
would have left: the process that began its trials is dead by the time it is opened.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold

from tunesmith import Float
from tunesmith.sklearn import SearchCV

X, Y = make_classification(60, 4, random_state=0)
# Whole numbers of right rows make many scores equal, and the default lies outside of the space: of equal candidates the
# first one leads, and that is the default.
SPACE = {"a": Float(-3, 0.4), "b": Float(-3, 3)}
BASE: dict[str, Any] = {"n_trials": 9, "sampler": "tpe", "confirm": 0, "random_state": 0, "cv": 3}
FAST: dict[str, dict[str, Any]] = {
    "tpe": {},
    "auto": {"sampler": "auto", "racing": "wilcoxon"},
    "cmaes": {"sampler": "cmaes", "confirm": "auto"},
    "fidelity": {"fidelity": "rounds", "n_jobs": 2, "n_trials": 12},
    "converged": {"n_trials": 30, "stop": "converged", "n_jobs": 3, "sampler": "cmaes", "racing": "wilcoxon", "cv": 5},
}
SLOW: dict[str, dict[str, Any]] = {
    f"{sampler}-{racing}-{confirm}-{fidelity}-{n_jobs}": {
        "sampler": sampler,
        "racing": racing,
        "confirm": confirm,
        "fidelity": fidelity,
        "n_jobs": n_jobs,
    }
    for sampler in ("auto", "tpe", "cmaes", "random")
    for racing in ("paired", "forgiving", "wilcoxon", None)
    for confirm in ("auto", 0)
    for fidelity in (None, "rounds")
    for n_jobs in (1, 2)
}
MOST = 3  # kills of each fast search


class Line(ClassifierMixin, BaseEstimator):
    """Follows from its parameters, and tells when it is fitted."""

    storage: ClassVar[Path | None] = None
    fits: ClassVar[int] = 0

    def __init__(self, a: float = 0.5, b: float = 0.5, rounds: int = 27) -> None:
        self.a = a
        self.b = b
        self.rounds = rounds

    def fit(self, X: Any, y: Any) -> Line:
        if Line.storage is not None:
            Line.fits += 1
            copy(Line.storage, Line.storage.with_name(f"{Line.storage.stem}-{Line.fits}.db"))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return (X[:, 0] * self.a + X[:, 1] * self.b + X[:, 2] + self.rounds / 100 > 0).astype(int)


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, its log included."""
    if source.exists():
        old, new = sqlite3.connect(source), sqlite3.connect(target)
        with new:
            old.backup(new)
        old.close()
        new.close()


def run(storage: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return everything but times that a search found."""
    with joblib.parallel_config(backend="threading"):
        told = {**BASE, **settings}
        cv = KFold(told.pop("cv"), shuffle=True, random_state=0)
        search = SearchCV(Line(), SPACE, cv=cv, storage=str(storage), **told).fit(X, Y)
    found = {key: np.asarray(v).astype(str).tolist() for key, v in search.cv_results_.items() if "time" not in key}
    trials = [(t.number, t.state.name, repr(t.values), repr(t.params)) for t in search.study_.trials]
    return found | {
        "best": search.best_index_,
        "honest": repr(search.honest_score_),
        "report": str(search.report_),
        "stopped": search.study_.stop_reason,
        "trials": trials,
    }


def straight(folder: Path, searches: dict[str, dict[str, Any]]) -> None:
    """Run searches that are not killed, and leave what a kill at each of their fits would have left."""
    for name, settings in searches.items():
        Line.storage, Line.fits = folder / f"{name}.db", 0
        (folder / f"{name}.found").write_bytes(pickle.dumps(run(Line.storage, settings)))


def differences(folder: Path, searches: dict[str, dict[str, Any]], most: int | None) -> dict[str, Any]:
    """Return what differs in searches that go on from their copies, by name and fit."""
    program = f"import pathlib, {__name__} as law; law.straight(pathlib.Path({str(folder)!r}), {searches!r})"
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *sys.path])
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900, env={**os.environ, "PYTHONPATH": path})
    differ: dict[str, Any] = {}
    for name, settings in searches.items():
        expected = pickle.loads((folder / f"{name}.found").read_bytes())
        copies = sorted(folder.glob(f"{name}-*.db"), key=lambda p: int(p.stem.rpartition("-")[2]))
        assert len(copies) > len(expected["params"])
        for killed in copies if most is None else [*copies[1 :: len(copies) // most], copies[-3]]:
            found = run(killed, settings)
            if found != expected:
                differ[killed.stem] = [key for key in expected if found[key] != expected[key]]
    return differ


@pytest.mark.slow
def test_a_search_that_was_killed_and_run_again_is_the_one_that_was_not(tmp_path: Path) -> None:
    assert differences(tmp_path, FAST, MOST) == {}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["auto", "tpe", "cmaes", "random"])
def test_whatever_the_sampler_the_race_the_screens_and_wherever_it_was_killed(tmp_path: Path, sampler: str) -> None:
    """Early and late; with TUNESMITH_FAULTS=full at every fit, which takes an hour."""
    most = None if os.environ.get("TUNESMITH_FAULTS") == "full" else 1
    assert differences(tmp_path, {n: s for n, s in SLOW.items() if s["sampler"] == sampler}, most) == {}
