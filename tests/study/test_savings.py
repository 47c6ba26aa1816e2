"""What pruning saved, held against simulated studies whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.study.savings import Savings

EPOCHS = {"small": 10, "large": 50}


class Simulated:
    """Trials that pay for a start-up, and then for steps, whose price depends on the parameters.

    Args:
        start: what a start-up costs.
        length: how many steps there are, or the arguments of a parameter that says it.
        keep: steps after which two of three trials are stopped, from the seventh on.
        every: steps between two reports.
        first: the number of the first step.
    """

    def __init__(self, start: float, length: Any, keep: int, every: int = 1, first: int = 1) -> None:
        self.start, self.length, self.keep, self.every, self.first = start, length, keep, every, first
        self.paid = self.in_full = 0.0
        self._rng = np.random.default_rng(0)

    def _n(self, trial: ts.Trial) -> int:
        if isinstance(self.length, int):
            return self.length
        if isinstance(self.length, tuple):
            return trial.suggest_int("epochs", *self.length)
        chosen = trial.suggest_categorical("size", list(self.length))
        return EPOCHS[chosen] if isinstance(chosen, str) else chosen

    def __call__(self, trial: ts.Trial) -> float:
        x, n = trial.suggest_float("x", 0, 1), self._n(trial)
        each = math.exp(2 * x)
        self.in_full += self.start + each * n
        cost = self.start
        for step in range(1, n + 1):
            cost += each * self._rng.uniform(0.9, 1.1)
            if step % self.every == 0 or step == n:
                trial.report(x, step + self.first - 1, cost=cost)
                self.paid += cost
                cost = 0.0
                if trial.number >= 6 and trial.number % 3 and step >= self.keep:
                    raise ts.TrialPruned
        return x

    def run(self) -> Savings:
        study = ts.create_study(sampler="random", pruner="nop", seed=0)
        study.optimize(self, n_trials=60)
        saved = study.savings
        assert saved is not None
        return saved


@pytest.mark.parametrize(
    "made",
    [
        Simulated(30, (5, 60), keep=2),  # 16 % were told of 75 %
        Simulated(30, (5, 60), keep=2, first=0),
        Simulated(100, 20, keep=1),  # with one report each, which pays for the start-up as well
        Simulated(100, 20, keep=2),
        Simulated(0, 20, keep=1),
        Simulated(30, ["small", "large"], keep=2),
        Simulated(30, [5, 40, 20], keep=2),
        Simulated(50, (20, 90), keep=10, every=5),
    ],
    ids=lambda made: f"{made.start} {made.length} {made.keep} {made.every} {made.first}",
)
def test_what_is_told_is_true(made: Simulated) -> None:
    saved = made.run()
    assert saved.cost == pytest.approx(made.paid)
    assert saved.cost / saved.full_cost == pytest.approx(made.paid / made.in_full, abs=0.015)
    assert f"for {saved.cost / saved.full_cost:.0%} of their cost" in str(saved)


def curve(study: ts.Study, steps: Sequence[int], costs: Sequence[float], state: ts.TrialState) -> None:
    trial = study.ask()
    for step, cost in zip(steps, costs, strict=True):
        trial.report(1.0, step, cost=cost)
    study.tell(trial, 1.0 if state is ts.TrialState.COMPLETE else None, state=state)


def test_reports_at_growing_distances_are_counted_as_full_runs_make_them() -> None:
    study = ts.create_study(seed=0, pruner="nop")
    for _ in range(3):
        curve(study, [1, 2, 4, 8, 16], [11, 1, 2, 4, 8], ts.TrialState.COMPLETE)
    curve(study, [1, 2], [11, 1], ts.TrialState.PRUNED)
    saved = study.savings
    assert saved is not None
    assert (saved.reports, saved.full_reports) == (17, 20)
    assert (saved.cost, saved.full_cost) == (90, 104)


def test_lengths_that_no_parameter_decides_are_the_median() -> None:
    study = ts.create_study(seed=0, pruner="nop")
    for n in (4, 9, 6, 5, 9, 4):
        curve(study, range(1, n + 1), [1.0] * n, ts.TrialState.COMPLETE)
    curve(study, [1, 2], [1.0, 1.0], ts.TrialState.PRUNED)
    saved = study.savings
    assert saved is not None
    assert saved.full_cost - saved.cost == 3.5


def test_costs_that_are_not_known_are_not_made_up() -> None:
    study = ts.create_study(seed=0, pruner="nop")
    trial = ts.create_trial(value=1.0, intermediate_values={1: 1.0, 2: 1.0})
    study.add_trial(trial)
    curve(study, [1], [1.0], ts.TrialState.PRUNED)
    saved = study.savings
    assert saved is not None
    assert (saved.reports, saved.full_reports) == (3, 4)
    assert math.isnan(saved.cost)
    assert "cost" not in str(saved)
