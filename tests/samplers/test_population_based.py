"""Population-based training: members take over the checkpoints of better ones, and their parameters change."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.pruners import IntervalPruner
from tunesmith.samplers import PopulationBasedTraining
from tunesmith.study.schedule import schedule_of

LAST, INTERVAL, P = 12, 3, 4
SPACE = {"rate": ts.Float(0.001, 0.5, log=True)}


def train(trial: ts.Trial) -> float:
    """A weight goes to 1 by a rate of its own; the checkpoint says by which trials it went."""
    rate = trial.suggest_float("rate", 0.001, 0.5, log=True)
    file = trial.checkpoint_dir / "state.json"
    state: dict[str, Any] = {"weight": 0.0, "path": []}
    first = 1
    if trial.resumed_from_step is not None:
        state, first = json.loads(file.read_text()), trial.resumed_from_step + 1
        assert state["step"] == trial.resumed_from_step
    state["path"].append(trial.number)
    loss = 1.0
    for step in range(first, LAST + 1):
        state["weight"] += rate * (1.0 - state["weight"])
        state["step"] = step
        file.write_text(json.dumps(state))
        loss = (1.0 - state["weight"]) ** 2
        trial.report(loss, step)
        if trial.should_prune():
            break
    trial.set_user_attr("path", state["path"])
    if step < LAST:
        raise ts.TrialPruned
    return loss


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_population(kind: str, jobs: int, tmp_path: Path) -> None:
    storage = None if kind == "memory" else tmp_path / "tune.db"
    study = ts.create_study(sampler=PopulationBasedTraining(P, INTERVAL), storage=storage, seed=1, space=SPACE)
    assert isinstance(study.pruner, IntervalPruner)
    study.optimize(train, n_jobs=jobs)
    trials = study.trials
    if jobs == 1:
        assert len(trials) == P * LAST // INTERVAL
    assert [t.state for t in trials].count(TrialState.COMPLETE) == P
    by_number = {t.number: t for t in trials}
    for t in trials:
        steps = list(t.intermediate_values)
        parent = t.system_attrs.get("parent")
        assert steps[0] == (1 if parent is None else by_number[parent].last_step + 1)  # type: ignore[operator]
        assert len(steps) == INTERVAL
        if parent is not None:
            assert t.user_attrs["path"] == [*by_number[parent].user_attrs["path"], t.number]
    inherited = [t for t in trials if "parent" in t.system_attrs]
    changed = [t for t in inherited if t.params != by_number[t.system_attrs["parent"]].params]
    assert 0 < len(changed) < len(inherited)
    assert not any(list(study.artifacts.of(t.number)) for t in trials if t.number not in dict.fromkeys(latest(trials)))


def latest(trials: list[ts.FrozenTrial]) -> list[int]:
    return [t.number for t in trials if t.last_step == LAST]


def test_the_best_schedule_replays() -> None:
    study = ts.create_study(sampler=PopulationBasedTraining(P, INTERVAL), seed=1)
    study.optimize(train)
    schedule = study.best_schedule
    assert [(s.first_step, s.last_step) for s in schedule] == [(1, 3), (4, 6), (7, 9), (10, 12)]
    assert schedule[-1].number == study.best_trial.number
    weight = 0.0
    for part in schedule:
        for _ in range(INTERVAL):
            weight += part.params["rate"] * (1.0 - weight)
    assert (1.0 - weight) ** 2 == pytest.approx(study.best_value)


@pytest.mark.slow
def test_it_is_better_than_a_population_that_does_not_change() -> None:
    ends: dict[float, list[float]] = {0.25: [], 0.0: []}
    for changes, found in ends.items():
        for seed in range(5):
            sampler: Any = PopulationBasedTraining(6, 2) if changes else "random"
            study = ts.create_study(sampler=sampler, seed=seed, pruner=None if changes else "nop", space=SPACE)
            study.optimize(train, n_trials=None if changes else 6)
            found.append(float(np.log(study.best_value)))
    assert np.mean(ends[0.25]) <= np.mean(ends[0.0])


def test_a_member_that_fails_takes_over_another() -> None:
    failed: list[int] = []

    def objective(trial: ts.Trial) -> float:
        if trial.number == 5:
            failed.append(trial.number)
            raise FloatingPointError("diverged")
        return train(trial)

    study = ts.create_study(sampler=PopulationBasedTraining(P, INTERVAL), seed=1)
    study.optimize(objective, catch=FloatingPointError)
    assert failed == [5]
    assert [t.state for t in study.trials].count(TrialState.COMPLETE) == P


def test_it_goes_on_in_another_process(tmp_path: Path) -> None:
    whole = ts.create_study(sampler=PopulationBasedTraining(P, INTERVAL), seed=1)
    whole.optimize(train)
    for n in (5, 3, None):
        study = ts.create_study(
            sampler=PopulationBasedTraining(P, INTERVAL),
            storage=tmp_path / "tune.db",
            study_name="s",
            load_if_exists=True,
            seed=1,
        )
        study.optimize(train, n_trials=n)
    assert [(t.params, t.value) for t in study.trials] == [(t.params, t.value) for t in whole.trials]


@pytest.mark.parametrize(
    ("name", "value"),
    [("population_size", 1), ("population_size", 5000), ("interval", 0), ("quantile", 0.6), ("quantile", 0),
     ("resample_probability", 1.5)],
)  # fmt: skip
def test_arguments(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"PopulationBasedTraining: {name} must be"):
        PopulationBasedTraining(**{name: value})


def test_a_part_that_found_nothing_left_to_do_is_not_in_the_schedule() -> None:
    trained: Any = SimpleNamespace(
        number=0, params={"rate": 0.1}, intermediate_values={1: 0.5, 2: 0.4}, system_attrs={}
    )
    last: Any = SimpleNamespace(number=1, params={"rate": 0.2}, intermediate_values={}, system_attrs={"parent": 0})
    assert [part.number for part in schedule_of(last, lambda number: trained)] == [0]
    alone: Any = SimpleNamespace(number=2, params={}, intermediate_values={}, system_attrs={})
    assert [part.number for part in schedule_of(alone, lambda number: alone)] == [2]
