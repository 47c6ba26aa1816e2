"""What pruning saved, held against simulated studies whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner
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


class Halved(Pruner):
    """Pauses each trial after the steps 2 and 6, and goes on with the best third of those that began in turn."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE if step in (2, 6) else Decision.CONTINUE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        last = {n: history.curves.of(n) for n in history.paused}
        for rung in (6, 2):
            been = sum(bool(history.curves.size(n) >= rung) for n in history.curves.numbers)
            gone = sum(bool(history.curves.size(n) > rung) for n in history.curves.numbers)
            there = sorted((values[-1], n) for n, (steps, values) in last.items() if steps[-1] == rung)
            if there and (gone + 1) * 3 <= been:
                return int(there[0][1])
        return None


class Paused:
    """Trials of 18 epochs that pause, of which each start, and each one after a pause, costs so many epochs.

    What is best early is best in the end. Without checkpoints, a trial that goes on makes its epochs again.
    """

    LENGTH = 18

    def __init__(self, start: float, checkpoints: bool = True, pruner: Pruner | None = None) -> None:
        self.start, self.checkpoints, self.paid, self.again, self.restarts = start, checkpoints, 0.0, 0.0, 0
        self.ends: dict[int, float] = {}
        self.study = ts.create_study(sampler="random", pruner=pruner or Halved(), direction="maximize", seed=1)
        self.rng = np.random.default_rng(0)
        self.study.optimize(self, n_trials=30)

    def __call__(self, trial: ts.Trial) -> float:
        steps = trial.epochs(self.LENGTH, state={}) if self.checkpoints else range(1, self.LENGTH + 1)
        cost = self.start
        again = trial.number in self.ends
        self.restarts += again
        self.again += self.start * again
        end = self.ends[trial.number] = -trial.suggest_float("x", 0, 1)
        for step in steps:
            own = self.rng.uniform(0.9, 1.1)
            cost += own
            value = end - 1.0 / step
            trial.report(value, step, cost=cost)
            self.paid += cost
            cost = 0.0
            if trial.should_prune():
                raise ts.TrialPruned
        return end

    def best_of(self, k: int) -> float:
        """Return the expected best end of k trials drawn from all."""
        ends = sorted(self.ends.values(), reverse=True)
        n = len(ends)
        return sum(y * math.comb(n - i - 1, k - 1) for i, y in enumerate(ends)) / math.comb(n, k)


@pytest.mark.parametrize("start", [0.0, 1.0, 10.0])
def test_what_full_runs_would_have_reached(start: float) -> None:
    made = Paused(start)
    saved = made.study.savings
    assert saved is not None
    in_full = 30 * (start + made.LENGTH)
    assert saved.cost == pytest.approx(made.paid)
    assert saved.restarts == made.restarts > 8
    assert saved.restart_cost == pytest.approx(made.again, abs=0.02 * made.paid)
    assert saved.full_cost == pytest.approx(in_full, rel=0.02)
    assert abs(saved.full_runs - 30 * made.paid / in_full) <= 1
    assert saved.reached == made.study.best_value
    assert saved.expected is not None
    assert saved.expected == pytest.approx(made.best_of(saved.full_runs), abs=0.02)
    assert saved.expected < saved.reached
    said = f"With the same cost: {saved.full_runs} full runs, expected to reach {saved.expected:.4g} as far as early"
    assert said in str(saved)


class EachThird(Pruner):
    """Pauses each trial at every third step, and goes on with it at once."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE if step % 3 == 0 and step < Paused.LENGTH else Decision.CONTINUE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        return min(history.paused, default=None)


@pytest.mark.slow
@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_loss_is_called_one(checkpoints: bool) -> None:
    """All trials are complete, so what full runs would have reached is known: as much."""
    made = Paused(10.0, checkpoints, EachThird() if checkpoints else Halved())
    saved = made.study.savings
    assert saved is not None
    assert saved.full_cost == pytest.approx(30 * (10 + made.LENGTH), rel=0.02)
    if checkpoints:
        assert saved.restart_cost == pytest.approx(made.again, rel=0.02)
        assert (saved.pruned, saved.paused, saved.full_runs) == (0, 0, 30)
        assert saved.expected == saved.reached
        less = 1 - saved.full_cost / saved.cost
        assert f"(150) took {made.again / made.paid:.0%} of the cost" in str(saved)
        assert f"It did not pay: all of them as full runs would have reached as much with {less:.0%} less" in str(saved)
    else:  # steps that were made again are a loss, too
        assert saved.cost == pytest.approx(made.paid)
        assert saved.restart_cost > made.again


def test_it_is_told_where_a_result_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.db"
    study = ts.create_study(storage=path, study_name="s", sampler="random", pruner=EachThird(), seed=0)

    def train(trial: ts.Trial) -> float:
        cost = 11.0
        for step in trial.epochs(Paused.LENGTH, state={}):
            trial.report(1 / step, step, cost=cost)
            cost = 1.0
            if trial.should_prune():
                raise ts.TrialPruned
        return trial.suggest_float("x", 0, 1)

    study.optimize(train, n_trials=4)
    told = str(study.savings)
    assert "Restarts after pauses (20) took 64% of the cost. It did not pay" in told
    again = ts.load_study(study_name="s", storage=path)
    assert again.savings == study.savings
    assert main(["show", str(path), "--study", "s"]) == 0
    assert told in capsys.readouterr().out
    assert all(sentence in study.report(format="md") for sentence in study.savings.sentences())


def test_what_few_ends_cannot_tell_is_not_told() -> None:
    study = ts.create_study(seed=0, pruner="nop")
    for _ in range(2):
        curve(study, range(1, 6), [1.0] * 5, ts.TrialState.COMPLETE)
    curve(study, [1, 2], [1.0] * 2, ts.TrialState.PRUNED)
    saved = study.savings
    assert saved is not None
    assert (saved.full_runs, saved.reached, saved.expected) == (2, 1.0, None)
    assert str(saved).endswith("With the same cost: 2 full runs.")


def test_crossing_curves_do_not_promise_better_ends_than_were_seen() -> None:
    """What looks worst at first ends best; of those that were stopped, nobody knows."""
    study = ts.create_study(seed=0, pruner="nop")
    for k in range(12):
        trial = study.ask()
        for step in range(1, 10 if k % 2 else 3):
            trial.report(k / 12 if step < 5 else 1 - k / 12, step, cost=1.0)
        study.tell(trial, 1 - k / 12 if k % 2 else None, state=None if k % 2 else ts.TrialState.PRUNED)
    saved = study.savings
    assert saved is not None
    assert saved.reached is not None
    assert saved.expected is not None
    assert saved.expected >= saved.reached


def test_a_first_start_that_took_long_says_nothing_of_steps() -> None:
    """Those that made one report are taken to be as dear as others, not by what their start-ups happened to cost."""
    study = ts.create_study(seed=0, pruner="nop")
    for k in range(9):
        curve(study, [1, 2, 3, 4], [200.0 if k == 0 else 1.0 + k % 3, 1.0, 1.0, 1.0], ts.TrialState.COMPLETE)
    for _ in range(9):
        curve(study, [1], [30.0], ts.TrialState.PRUNED)
    saved = study.savings
    assert saved is not None
    assert saved.full_cost - saved.cost == pytest.approx(27.0, rel=0.05)
