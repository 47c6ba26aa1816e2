"""Several trials by one call of ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Float, Int, Space, SpaceExhaustedError, StorageError, TrialState
from tunesmith.errors import TrialsSpentError

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "cmaes", "evolution", "random", "qmc"])
@pytest.mark.parametrize("stored", [False, True])
def test_a_batch_is_what_as_many_single_trials_are(sampler: str, stored: bool, tmp_path: Path) -> None:
    """Each knows those before it, so none is near another one; the numbers follow one another."""
    points = []
    for way in ("batch", "single"):
        storage = f"sqlite:///{tmp_path}/{way}.db" if stored else None
        study = ts.create_study(space=SPACE, sampler=sampler, storage=storage, seed=3)
        for _ in range(2):
            trials = study.ask(n=8) if way == "batch" else [study.ask() for _ in range(8)]
            for trial in reversed(trials):
                study.tell(trial, trial.params["x"] + trial.params["y"])
        assert [t.number for t in study.trials] == list(range(16))
        points.append(np.array([[t.params["x"], t.params["y"]] for t in study.trials]))
    np.testing.assert_array_equal(*points)
    last = points[0][8:]
    assert np.linalg.norm(last[:, None] - last[None], axis=2)[np.triu_indices(8, 1)].min() > 0


def test_what_waits_comes_first() -> None:
    study = ts.create_study(space=SPACE, seed=0)
    study.enqueue_trial({"x": 0.125})
    study.release([study.ask().number])
    first, *others = study.ask(n=3)
    assert first.params["x"] == 0.125
    assert len(others) == 2


def test_fixed_distributions_are_suggested_in_each() -> None:
    study = ts.create_study(seed=0)
    assert all(0 <= t.params["z"] <= 1 for t in study.ask({"z": Float(0, 1)}, n=3))


def test_there_are_fewer_where_nothing_is_left() -> None:
    study = ts.create_study(space=Space(k=Int(1, 5)), sampler="grid")
    assert [t.params["k"] for t in study.ask(n=3)] == [1, 2, 3]
    assert [t.params["k"] for t in study.ask(n=3)] == [4, 5]
    with pytest.raises(SpaceExhaustedError):
        study.ask(n=3)
    study = ts.create_study(space=SPACE)
    assert len(study.ask(n=9, below=4)) == 4
    with pytest.raises(TrialsSpentError):
        study.ask(n=1, below=4)


def test_if_one_cannot_be_started_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(space=SPACE, sampler="random", seed=0)
    real, calls = study.storage.start, []

    def start(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise StorageError("the disk is full")
        return real(*arguments)

    monkeypatch.setattr(study.storage, "start", start)
    with pytest.raises(StorageError, match="disk is full"):
        study.ask(n=5)
    assert [t.state for t in study.trials][:2] == [TrialState.WAITING] * 2
    assert [t.number for t in study.ask(n=3)] == [0, 1, 2]


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3"])
def test_a_wrong_number_is_refused(n: Any) -> None:
    with pytest.raises(ValueError, match="a number of trials, 1 or more"):
        ts.create_study(space=SPACE).ask(n=n)
