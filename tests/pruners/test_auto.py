"""The default pruner: it pauses where runs go on from checkpoints, else it stops the worst, with care."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history.curves import Curves
from tunesmith.pruners.auto import AutoPruner, is_rung
from tunesmith.pruners.base import Decision

CONTINUE, PAUSE, STOP = Decision.CONTINUE, Decision.PAUSE, Decision.STOP
LENGTH = 27


def loss(x: float, y: float, step: int) -> float:
    """A curve that falls to (x - 0.3)² + (y - 0.6)², faster where y is large."""
    return (x - 0.3) ** 2 + (y - 0.6) ** 2 + (1 + x) * (1 + step) ** -(0.3 + y)


class Training:
    """An objective that counts its steps; with checkpoints or without."""

    def __init__(self, saves: bool, length: int = LENGTH) -> None:
        self.saves, self.length, self.steps = saves, length, 0

    def __call__(self, trial: ts.Trial) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        first = 1
        if self.saves:
            state = trial.checkpoint_dir / "step"
            first = 1 if trial.resumed_from_step is None else json.loads(state.read_text()) + 1
        for step in range(first, self.length + 1):
            self.steps += 1
            if self.saves:
                state.write_text(json.dumps(step))
            trial.report(loss(x, y, step), step, cost=1.0)
            if trial.should_prune():
                raise ts.TrialPruned
        return loss(x, y, self.length)


def curves(*complete: list[float], running: list[float]) -> Curves:
    made = Curves()
    for number, values in enumerate((*complete, running)):
        for step, value in enumerate(values):
            made.append(number, step, value)
        if number < len(complete):
            made.close(number, TrialState.COMPLETE)
    return made


@pytest.mark.parametrize(
    ("end", "rungs"), [(0, [2, 6, 18, 54]), (52, [2, 6, 18]), (20, [2, 6]), (3, [2]), (2, []), (1, [])]
)
def test_rungs(end: int, rungs: list[int]) -> None:
    assert [k for k in range(1, (end or 54) + 1) if is_rung(k, end)] == rungs


def test_runs_pause_where_they_can_go_on() -> None:
    made = curves(running=[3.0, 2.0])
    assert AutoPruner().decide(made, 0, 1) is CONTINUE
    made.can_resume = True
    assert AutoPruner().decide(made, 0, 1) is PAUSE


def test_the_worst_are_stopped_once_the_order_is_seen_to_last() -> None:
    ordered = [[k + 5.0, k + 3.0, k + 2.0, k + 1.0] for k in range(8)]
    assert AutoPruner().decide(curves(*ordered, running=[12.0, 9.0]), 8, 1) is STOP
    assert AutoPruner().decide(curves(*ordered, running=[5.0, 3.0]), 8, 1) is CONTINUE
    assert AutoPruner().decide(curves(*ordered[:4], running=[12.0, 9.0]), 4, 1) is CONTINUE, "too few are complete"
    crossing = [[k + 5.0, k + 3.0, 9.0 - k, 1.0 - k] for k in range(8)]
    assert AutoPruner().decide(curves(*crossing, running=[12.0, 9.0]), 8, 1) is CONTINUE


def test_every_tenth_run_goes_to_its_end() -> None:
    ordered = [[k + 5.0, k + 3.0, k + 2.0, k + 1.0] for k in range(13)]
    assert AutoPruner().decide(curves(*ordered, running=[30.0, 30.0]), 13, 1) is CONTINUE


@pytest.mark.slow
@pytest.mark.parametrize("saves", [True, False])
def test_it_saves_steps_and_finds_as_good_a_result(saves: bool) -> None:
    spent, ends = {}, {}
    for pruner in ("nop", "auto"):
        spent[pruner], ends[pruner] = [], []
        for seed in range(2):
            training = Training(saves)
            study = ts.create_study(pruner=pruner, seed=seed, sampler="random")
            study.optimize(training, n_trials=30)
            spent[pruner].append(training.steps)
            ends[pruner].append(study.best_value)
    assert np.mean(spent["auto"]) < 0.75 * np.mean(spent["nop"])
    assert np.mean(ends["auto"]) < np.mean(ends["nop"]) + 0.02


@pytest.mark.slow
def test_the_default_finds_more_for_the_same_cost() -> None:
    found: dict[str, list[float]] = {"nop": [], "auto": []}
    for pruner, values in found.items():
        for seed in range(4):
            study = ts.create_study(pruner=pruner, seed=seed)
            study.optimize(Training(True), max_cost=4 * LENGTH)
            values.append(study.best_value)
    assert np.mean(found["auto"]) <= np.mean(found["nop"])


def test_it_is_the_default_and_says_what_it_infers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tunesmith")
    study = ts.create_study(seed=0)
    assert isinstance(study.pruner, AutoPruner)
    study.optimize(Training(True), n_trials=6)
    said = [record.getMessage() for record in caplog.records]
    assert any("unlikely to become the best" in text for text in said)
    assert len(set(said)) == len(said)


def test_a_schedule_that_decays_to_the_end_is_warned_of() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(1, LENGTH + 1):
            value = x + 1 - (step / LENGTH) ** 6
            trial.report(value, step)
            if trial.should_prune():
                raise ts.TrialPruned
        return value

    with pytest.warns(UserWarning, match="fall fastest near the end"):
        ts.create_study(seed=0).optimize(objective, n_trials=12)


def test_a_study_is_the_same_however_often_it_is_opened(tmp_path: Any) -> None:
    points = []
    for parts in ([8], [3, 2, 3]):
        storage = tmp_path / f"{len(parts)}.db"
        for n in parts:
            study = ts.create_study(study_name="s", storage=storage, load_if_exists=True, seed=1)
            study.pruner.resumes  # noqa: B018 - the same default each time
            study.optimize(Training(True), n_trials=n, stop=None)
        points.append([(t.number, t.params["x"]) for t in study.trials][:3])
    assert points[0] == points[1]
