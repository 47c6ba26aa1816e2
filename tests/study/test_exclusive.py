"""No two workers get the same cell of a grid or the same point of a sequence, whatever their timing."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import SpaceExhaustedError, TrialState
from tunesmith.samplers import GridSampler, QMCSampler, Sampler
from tunesmith.space import Int, Space

SPACE = Space(a=Int(1, 25), b=["x", "y"], c=Int(1, 5).when(b="x"))
CELLS = 25 * (5 + 1)


def make(order: str) -> Sampler:
    return QMCSampler() if order == "qmc" else GridSampler(order=order)


def asked(trial: ts.Trial) -> tuple[Any, ...]:
    a, b = trial.suggest("a", SPACE["a"]), trial.suggest("b", SPACE["b"])
    return (a, b, trial.suggest("c", SPACE["c"]) if b == "x" else None)


@pytest.mark.parametrize("order", ["sequential", "random"])
def test_two_objects_in_turn_never_repeat_a_cell(order: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.db"
    first = ts.create_study(storage=path, study_name="s", space=SPACE, sampler=make(order), seed=1)
    second = ts.load_study(storage=path, study_name="s", sampler=make(order))
    found = []
    for k in range(CELLS):
        study = (first, second)[k % 2]
        trial = study.ask()
        found.append(asked(trial))
        if k % 3:  # every third one stays running
            study.tell(trial, float(k))
    assert len(set(found)) == CELLS
    for study in (first, second):
        with pytest.raises(SpaceExhaustedError):
            study.ask()


def test_two_objects_that_ask_before_either_tells(tmp_path: Path) -> None:
    path = tmp_path / "grid.db"
    studies = [ts.create_study(storage=path, study_name="s", space=SPACE, sampler="grid", seed=1)]
    studies += [ts.load_study(storage=path, study_name="s", sampler="grid") for _ in range(2)]
    found = [asked(study.ask()) for _ in range(CELLS // 3) for study in studies]
    assert len(set(found)) == CELLS


def test_a_released_cell_goes_to_its_own_trial_alone(tmp_path: Path) -> None:
    """One worker's trial is given back between another's claim and its reading of the history."""
    path = tmp_path / "grid.db"
    first = ts.create_study(storage=path, study_name="s", space=SPACE, sampler="grid", seed=1)
    second = ts.load_study(storage=path, study_name="s", sampler="grid")
    lost = first.ask()
    cell = asked(lost)
    claim = second.storage.claim

    def slow(*args: Any) -> Any:
        got = claim(*args)
        if not got.reserved:
            first.release([lost.number])
        return got

    second.storage.claim = slow  # type: ignore[method-assign]  # the moment that matters is inside of ask
    try:
        again = second.ask()
    finally:
        second.storage.claim = claim  # type: ignore[method-assign]  # put back
    assert (again.number, again.attempt, asked(again)) == (lost.number, 2, cell)
    assert len({asked(second.ask()) for _ in range(CELLS - 1)} | {cell}) == CELLS


WORKER = """
import sys
import tunesmith as ts
from tests.study.test_exclusive import asked, make

path, order, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
study = ts.load_study(storage=path, study_name="s", sampler=make(order))
study.trials
print("ready", flush=True)
sys.stdin.readline()
for _ in range(limit):
    try:
        trial = study.ask()
    except ts.SpaceExhaustedError:
        break
    study.tell(trial, float(len(repr(asked(trial)))))
"""


def work(path: Path, order: str, limit: int) -> list[ts.FrozenTrial]:
    """Let four processes ask and tell until the grid is exhausted, or each has had `limit` trials."""
    study = ts.create_study(storage=path, study_name="s", space=SPACE, sampler=make(order), seed=1)
    root = Path(__file__).resolve().parents[2]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), order, str(limit)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:  # all of them are up before any of them begins
        assert worker.stdout is not None
        worker.stdout.readline()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
    return study.trials


@pytest.mark.parametrize("order", ["sequential", pytest.param("random", marks=pytest.mark.slow)])
def test_four_processes_cover_the_grid_exactly_once(order: str, tmp_path: Path) -> None:
    trials = work(tmp_path / "grid.db", order, 10**6)
    assert [t.number for t in trials] == list(range(CELLS))
    assert {t.state for t in trials} == {TrialState.COMPLETE}
    counts = Counter(tuple(sorted(t.params.items())) for t in trials)
    assert len(counts) == CELLS
    assert set(counts.values()) == {1}


@pytest.mark.slow
def test_four_processes_share_one_sequence(tmp_path: Path) -> None:
    trials = work(tmp_path / "qmc.db", "qmc", 32)
    states = sorted(t.sampler_state for t in trials)
    indices = [state >> 16 & 0xFFFFFF for state in states]
    assert indices == list(range(128))
    assert len({state & 0xFFFF for state in states}) == 1
