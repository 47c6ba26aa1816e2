"""How many SQL statements a trial costs: a figure without noise, so it is held exactly."""

from __future__ import annotations

import sqlite3
import statistics
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith import FrozenTrial, Study, Trial


def statements_of_trials(monkeypatch: pytest.MonkeyPatch, path: Path, pruner: str | None, steps: int) -> list[int]:
    """The statements of each trial of a study in a file, from its claim to its end."""
    seen: list[str] = []
    connect = sqlite3.dbapi2.connect

    def traced(*args: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*args, **named)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", traced)
    counted: list[int] = []

    def count(study: Study, trial: FrozenTrial) -> None:
        counted.append(len(seen))
        seen.clear()

    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(steps):
            trial.report(x, step)
            trial.should_prune()
        return x

    study = tunesmith.create_study(storage=path, sampler=tunesmith.samplers.RandomSampler(), pruner=pruner, seed=0)
    study.optimize(objective, n_trials=30, callbacks=[count])
    return counted[5:]  # the first ones make tables, and write the space


@pytest.mark.parametrize(("pruner", "steps"), [(None, 0), ("median", 1), ("median", 4)])
def test_statements_of_a_trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pruner: str | None, steps: int) -> None:
    """One to claim, four to start, four to end; one a report, and one to ask whether others reported anything."""
    counted = statements_of_trials(monkeypatch, tmp_path / "a.db", pruner, steps)
    # The median: once a second, one of them looks for dead workers as well.
    assert statistics.median(counted) == 9 + 2 * steps


def test_what_others_report_is_seen_before_a_decision(tmp_path: Path) -> None:
    """A second study object on the same storage, and one of another connection, are others."""
    mine = tunesmith.create_study(storage=tmp_path / "a.db", study_name="a", pruner="median")
    same = tunesmith.load_study(study_name="a", storage=mine.storage)
    far = tunesmith.load_study(study_name="a", storage=tmp_path / "a.db")
    trial, others = mine.ask(), [same.ask(), far.ask()]
    for step in range(3):
        trial.report(1.0, step)
        trial.should_prune()
        for other in others:
            other.report(step + 0.5, step)
        trial.should_prune()
        for other in others:
            assert mine.known_history.curves.reported(other.number) == {k: k + 0.5 for k in range(step + 1)}
