"""No decision hangs on a clock: killed anywhere, with a machine of another speed from then on, the same trials.

On a virtual clock that only objectives move. What has to be measured is found out once, stored, and read from then on.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import Float
from tunesmith.foundation import registry
from tunesmith.foundation.states import TrialState
from tunesmith.history.costs import CostClass
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner

LENGTH, RUNS = 10, 8
STARTS = (0.0, 0.9, 5.0)  # seconds of a start, where an epoch takes one
PRUNERS: dict[str, Callable[[], Pruner]] = {
    **{name: registry.load_registered("pruners", name) for name in registry.names("pruners")},
    "patient-auto": lambda: ts.pruners.PatientPruner(ts.pruners.AutoPruner(), 1),
}
SAMPLERS = [name for name in registry.names("samplers") if name != "grid"]


class Killed(KeyboardInterrupt):
    """The process is gone."""


class Clock:
    """A clock that stands still but for what `spend` says, times the speed at which it runs."""

    def __init__(self) -> None:
        self.now, self.speed = 1000.0, 1.0

    def spend(self, seconds: float) -> None:
        self.now += seconds * self.speed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


class Halted(Pruner):
    """Pauses each trial at the fifth step, and goes on with none."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE if step == 5 else Decision.CONTINUE


class Training:
    """An objective with a start and epochs that take time; it is killed at some points.

    Before each report, and after it, before the pruner is heard.
    """

    def __init__(self, clock: Clock, start: float, kills: tuple[int, ...] = (), told: bool = False) -> None:
        self.clock, self.start, self.kills, self.told = clock, start, kills, told
        self.passed = 0

    def pass_by(self) -> None:
        self.passed += 1
        if self.passed in self.kills:
            raise Killed

    def __call__(self, trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        epoch_takes = 1.0 + x
        state = {"loss": 1.0}
        self.clock.spend(self.start)
        for epoch in trial.epochs(LENGTH, state=state):
            self.clock.spend(epoch_takes)
            self.pass_by()
            state["loss"] *= 0.8 + 0.2 * (x - 0.3) ** 2
            paid = epoch_takes + (self.start if epoch == 1 else 0.0)
            trial.report(state["loss"], epoch, cost=paid if self.told else None)
            self.pass_by()
            if trial.should_prune():
                raise ts.TrialPruned
        return state["loss"] + 0.1


Trials = list[tuple[Any, ...]]


def trials_of(study: ts.Study) -> Trials:
    return [(t.number, t.state, t.params, t.values, dict(t.intermediate_values)) for t in study.trials]


def searched(file: Path, objective: Any, clock: Clock, speed: float, n: int = RUNS, **arguments: Any) -> ts.Study:
    """Search until it is done; after each kill in new objects, with a clock of another speed."""
    clock.speed = 1.0
    while True:
        study = ts.create_study(
            storage=file,
            study_name="one",
            load_if_exists=True,
            seed=1,
            **{name: value() if callable(value) else value for name, value in arguments.items()},
        )
        try:
            study.optimize(objective, n_trials_total=n)
        except Killed:
            clock.speed = speed
        else:
            return study


def numbered(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / f"{k}.db" for k in itertools.count())


def check_pair(tmp_path: Path, clock: Clock, sampler: str, pruner: Callable[[], Pruner], start: float) -> None:
    files = numbered(tmp_path)
    whole = searched(next(files), objective := Training(clock, start), clock, 1.0, sampler=sampler, pruner=pruner)
    draw = random.Random(f"{sampler} {start}")
    for speed in (10.0, 0.1):
        kills = tuple(draw.sample(range(1, objective.passed + 1), 3))
        again = searched(next(files), Training(clock, start, kills), clock, speed, sampler=sampler, pruner=pruner)
        assert trials_of(again) == trials_of(whole), (kills, speed)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_pruner_decides_alike_on_a_machine_of_another_speed(tmp_path: Path, clock: Clock, pruner: str) -> None:
    check_pair(tmp_path, clock, "random", PRUNERS[pruner], 5.0)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_sampler_with_every_pruner_does(tmp_path: Path, clock: Clock, pruner: str, sampler: str) -> None:
    check_pair(tmp_path, clock, sampler, PRUNERS[pruner], 5.0)


@pytest.mark.parametrize("start", [pytest.param(0.0, marks=pytest.mark.slow), 0.9, 5.0])
def test_the_default_search_is_the_same_wherever_it_is_killed(tmp_path: Path, clock: Clock, start: float) -> None:
    files = numbered(tmp_path)
    whole = searched(next(files), objective := Training(clock, start), clock, 1.0)
    for kill in range(1, objective.passed + 1, 17):
        again = searched(next(files), Training(clock, start, (kill,)), clock, 10.0 if kill % 2 else 0.1)
        assert trials_of(again) == trials_of(whole), kill


@pytest.mark.parametrize(("start", "found"), [(0.0, "cheap"), (0.3, "cheap"), (0.9, "medium"), (9.0, "dear")])
def test_a_start_is_classed_once_and_stored_and_told(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, start: float, found: str
) -> None:
    caplog.set_level(logging.INFO, "tunesmith")
    study = searched(tmp_path / "a.db", Training(clock, start), clock, 1.0)
    assert study.system_attrs["costs"] == {"start": found}
    (told,) = [m for m in caplog.messages if "found out once" in m]
    assert f"a start is {found}" in told
    paused = [t for t in study.trials if t.state is TrialState.PAUSED]
    assert all(t.last_step <= 2 for t in paused) or found != "dear", "but for the first two, none pauses"
    study.optimize(Training(clock, 50.0 - start), n_trials=4)
    assert study.system_attrs["costs"] == {"start": found}, "once"


def test_the_first_start_of_a_process_may_be_dear(tmp_path: Path, clock: Clock) -> None:
    class ColdTraining(Training):
        def __call__(self, trial: ts.Trial) -> float:
            self.clock.spend(30.0 if self.passed == 0 else 0.0)
            return super().__call__(trial)

    study = searched(tmp_path / "a.db", ColdTraining(clock, 0.1), clock, 1.0)
    assert study.system_attrs["costs"] == {"start": "cheap"}


def test_with_costs_that_are_given_nothing_is_measured(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is the same search that a clock which tells the same makes, as far as costs play a part."""
    files = numbered(tmp_path)
    whole = searched(next(files), Training(clock, 5.0, told=True), clock, 1.0)
    assert whole.system_attrs["costs"] == {"given": True}
    jumps, now = random.Random(0), [0.0]

    def wild() -> float:
        now[0] += jumps.choice([0.0, 1e-6, 1.0, 500.0])
        return now[0]

    monkeypatch.setattr(time, "monotonic", wild)
    again = searched(next(files), Training(clock, 5.0, (3, 30), told=True), clock, 10.0)
    assert trials_of(again) == trials_of(whole)
    assert again.system_attrs["costs"] == {"given": True}


def test_once_classes_are_known_nothing_looks_at_a_clock(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunesmith.samplers.auto.MODEL_ALWAYS_TRIALS", 20)
    monkeypatch.setattr("tunesmith.samplers.AutoSampler.asks_class_from", 20)
    files = numbered(tmp_path)
    whole = searched(next(files), Training(clock, 0.9), clock, 1.0, 26)
    known = whole.system_attrs["costs"]
    assert known == {"start": "medium", "trial": "dear"}
    study = ts.create_study(storage=next(files), study_name="one", seed=1)
    study.set_system_attr("costs", known)
    jumps, now = random.Random(0), [0.0]

    def wild() -> float:
        now[0] += jumps.choice([0.0, 1e-6, 1.0, 500.0])
        return now[0]

    monkeypatch.setattr(time, "monotonic", wild)
    study = ts.load_study(storage=study.storage, study_name="one")
    study.optimize(Training(clock, 0.9), n_trials=26)
    assert trials_of(study) == trials_of(whole)


@pytest.mark.parametrize("seconds", [0.0005, 0.006, 0.2, 0.03, 20.0])
@pytest.mark.parametrize("n_objectives", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_beyond_many_trials_the_default_sampler_is_the_same(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float, n_objectives: int
) -> None:
    """Wherever it is killed after the first two trials, which tell how dear a trial is."""
    monkeypatch.setattr("tunesmith.samplers.auto.MODEL_ALWAYS_TRIALS", 20)
    monkeypatch.setattr("tunesmith.samplers.AutoSampler.asks_class_from", 20)

    class Short:
        def __init__(self, kills: tuple[int, ...] = ()) -> None:
            self.kills, self.calls = kills, 0

        def __call__(self, trial: ts.Trial) -> float | tuple[float, ...]:
            x = trial.suggest_float("x", 0, 1)
            clock.spend(seconds * (1.0 + x))
            self.calls += 1
            if self.calls in self.kills:
                raise Killed
            return x**2 if n_objectives == 1 else (x**2, (1 - x) ** 2)

    files, directions = numbered(tmp_path), ["minimize"] * n_objectives
    whole = searched(next(files), Short(), clock, 1.0, 28, directions=directions)
    known = whole.system_attrs["costs"]
    assert list(known) == ["trial"]
    for kill, speed in ((3, 10.0), (3, 0.1), (12, 10.0), (12, 0.1), (20, 10.0), (21, 0.1), (24, 10.0)):
        again = searched(next(files), Short((kill,)), clock, speed, 28, directions=directions)
        assert trials_of(again) == trials_of(whole), (kill, speed)
        assert again.system_attrs["costs"] == known


def test_of_two_processes_that_find_out_the_first_one_counts(tmp_path: Path) -> None:
    one = ts.create_study(storage=tmp_path / "a.db", study_name="one", seed=0)
    two = ts.load_study(storage=tmp_path / "a.db", study_name="one")
    assert one.engine.study.keep_cost("start", CostClass.DEAR)
    assert two.engine.study.keep_cost("trial", CostClass.INSTANT)
    assert not two.engine.study.keep_cost("start", CostClass.CHEAP)
    assert two.history.classes == {"start": CostClass.DEAR, "trial": CostClass.INSTANT}
    two.declare(ts.Space(x=Float(0, 1)))
    assert two.history.classes == {"start": CostClass.DEAR, "trial": CostClass.INSTANT}, "the history is another one"
    assert ts.load_study(storage=tmp_path / "a.db", study_name="one").history.classes == two.history.classes


@pytest.mark.parametrize("stored", [None, 5, {"start": "very"}, {"start": 1, "other": "dear"}, ["start"]])
def test_what_a_later_version_stored_is_left_alone(tmp_path: Path, clock: Clock, stored: Any) -> None:
    study = ts.create_study(storage=tmp_path / "a.db", study_name="one", seed=1)
    study.set_system_attr("costs", stored)
    assert not ts.load_study(storage=tmp_path / "a.db", study_name="one").history.classes
    searched(tmp_path / "a.db", Training(clock, 9.0), clock, 1.0)
    kept = study.system_attrs["costs"]
    assert kept == {"start": "dear", **(stored if isinstance(stored, dict) else {})}


def dies_unheard(trial: ts.Trial) -> float:
    """Its process dies after the fifth report, before the pruner is asked."""
    x = trial.suggest_float("x", 0, 1)
    for epoch in trial.epochs(9, state={}):
        trial.report(x / epoch, epoch, cost=1.0)
        if epoch == 5 and trial.number == 1 and trial.attempt == 1:
            os._exit(9)
        if trial.should_prune():
            raise ts.TrialPruned
    return x


@pytest.mark.parametrize("pruner", [ts.pruners.IntervalPruner(5), Halted()])
def test_what_a_worker_did_not_hear_before_it_died_is_said_again(pruner: Pruner) -> None:
    study = ts.create_study(sampler="random", pruner=pruner, seed=0)
    study.optimize(dies_unheard, n_trials=3, executor="processes", n_jobs=1)
    killed = study.trials[1]
    assert (list(killed.intermediate_values), killed.last_step) == ([1, 2, 3, 4, 5], 5)
    assert killed.state is (TrialState.PAUSED if pruner.resumes else TrialState.PRUNED)
    assert killed.values == (None if pruner.resumes else (killed.params["x"] / 5,))
    assert study.system_attrs["costs"] == {"given": True}, "a worker says so"


def never_asks(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for epoch in trial.epochs(9, state={}):
        trial.report(x / epoch, epoch)
        if epoch == 5 and trial.attempt == 1:
            raise Killed
    return x


def test_an_objective_that_never_asks_is_never_stopped() -> None:
    study = ts.create_study(sampler="random", pruner=Halted(), seed=0)
    with pytest.raises(Killed):
        study.optimize(never_asks, n_trials=1)
    study.optimize(never_asks, n_trials=1)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]


SCRIPT = """
import os, sys, time
from tests.study import test_clock as own

class Process(own.Training):
    def pass_by(self):
        self.passed += 1
        if self.passed in self.kills:
            os._exit(9)

file, start, speed, *kills = sys.argv[1:]
clock = own.Clock()
clock.speed = float(speed)
time.monotonic = lambda: clock.now
study = own.ts.create_study(storage=file, study_name="one", load_if_exists=True, seed=1)
study.optimize(Process(clock, float(start), tuple(map(int, kills))), n_trials_total=own.RUNS)
print(repr(own.trials_of(study)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_killed_processes_leave_the_same_trials(tmp_path: Path, start: float) -> None:
    def run(file: Path, speed: float, *kills: int) -> str | None:
        command = [sys.executable, "-c", SCRIPT, str(file), str(start), str(speed), *map(str, kills)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode in (0, 9), done.stderr
        return done.stdout if done.returncode == 0 else None

    whole, draw = run(tmp_path / "whole.db", 1.0), random.Random(start)
    for k in range(3):
        speeds, kills = itertools.cycle((1.0, 10.0, 0.1)), [draw.randrange(1, 40) for _ in range(4)]
        found = None
        while found is None:
            found = run(tmp_path / f"{k}.db", next(speeds), *([kills.pop()] if kills else []))
        assert found == whole
