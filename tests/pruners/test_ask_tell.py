"""Pruners judge trials that are asked for outside ``optimize`` as those inside, in one process and in several."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.foundation import registry
from tunesmith.foundation.states import TrialState

PRUNED, COMPLETE = TrialState.PRUNED, TrialState.COMPLETE


def objective(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for step in range(10):
        trial.report(x + 1 / (step + 1), step)
        if trial.should_prune():
            raise ts.TrialPruned
    return x


def by_hand(study: ts.Study, n: int) -> None:
    for _ in range(n):
        trial = study.ask()
        try:
            value = objective(trial)
        except ts.TrialPruned:
            study.tell(trial, state=PRUNED)
        else:
            study.tell(trial, value)


def another_process(path: str, n: int) -> None:
    by_hand(ts.load_study(study_name="shared", storage=path, sampler="random", pruner="median"), n)


def ended(study: ts.Study) -> list[tuple[TrialState, int]]:
    return [(t.state, len(t.intermediate_values)) for t in study.trials]


@pytest.mark.parametrize("pruner", sorted(registry.names("pruners")))
@pytest.mark.parametrize("stored", [False, True])
def test_the_same_trials_are_pruned_at_the_same_steps(pruner: str, stored: bool, tmp_path: Path) -> None:
    made: list[ts.Study] = []
    for name in ("inside", "outside"):
        storage: Any = tmp_path / f"{name}.db" if stored else None
        made.append(ts.create_study(sampler="random", pruner=pruner, seed=0, storage=storage))
    inside, outside = made
    inside.optimize(objective, n_trials=30)
    by_hand(outside, 30)
    assert ended(inside) == ended(outside)
    least = {"nop": 0, "patient": 0, "threshold": 0, "hyperband": 8}.get(pruner, 15)
    assert Counter(state for state, _ in ended(outside))[PRUNED] >= least


@pytest.mark.parametrize("pruner", sorted(registry.names("pruners")))
def test_both_directions_prune_alike(pruner: str) -> None:
    found = []
    for direction, sign in (("minimize", 1.0), ("maximize", -1.0)):

        def mirrored(trial: ts.Trial, sign: float = sign) -> float:
            x = trial.suggest_float("x", 0, 1)
            for step in range(10):
                trial.report(sign * (x + 1 / (step + 1)), step)
                if trial.should_prune():
                    raise ts.TrialPruned
            return sign * x

        study = ts.create_study(direction=direction, sampler="random", pruner=pruner, seed=1)
        study.optimize(mirrored, n_trials=30)
        found.append(ended(study))
    assert found[0] == found[1]


def test_two_processes_judge_by_the_trials_of_both(tmp_path: Path) -> None:
    """Neither has enough complete trials of its own."""
    path = str(tmp_path / "tune.db")
    study = ts.create_study(sampler="random", pruner="median", seed=0, storage=path, study_name="shared")
    by_hand(study, 3)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=another_process, args=(path, 10)) for _ in range(2)]
    for worker in workers:
        worker.start()
    by_hand(study, 4)
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers] == [0, 0]
    found = Counter(state for state, _ in ended(study))
    assert found[PRUNED] + found[COMPLETE] == 27
    assert found[PRUNED] >= 8
    assert len(ended(study)) == 27
