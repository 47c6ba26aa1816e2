"""Trials that pause and go on: through optimize and ask/tell, with checkpoints and without, and what they cost."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.artifacts.local import LocalStore
from tunesmith.errors import ArtifactError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner

PAUSED, COMPLETE, PRUNED = TrialState.PAUSED, TrialState.COMPLETE, TrialState.PRUNED
LAST = 9


class Rungs(Pruner):
    """Pauses each trial after the steps 1 and 3, and goes on with the best third of those at a rung."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE if step in (1, 3) else Decision.CONTINUE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        for rung in (3, 1):
            found = {n: history.curves.of(n) for n in history.curves.numbers}
            curves = {
                n: dict(zip(steps.tolist(), values.tolist(), strict=True)) for n, (steps, values) in found.items()
            }
            there = sorted((reports[rung], n) for n, reports in curves.items() if rung in reports)
            for _, number in there[: len(there) // 3]:
                if number in history.paused and max(curves[number]) == rung:
                    return number
        return None


def train(trial: ts.Trial) -> float:
    """Nine steps whose sum is the loss; they are saved, and each costs 1."""
    x = trial.suggest_float("x", 0, 1)
    state = trial.checkpoint_dir / "state.json"
    done = trial.resumed_from_step or 0
    loss = json.loads(state.read_text()) if done else 0.0
    for step in range(done + 1, LAST + 1):
        loss += x
        state.write_text(json.dumps(loss))
        trial.report(loss / step, step, cost=1.0)
        if trial.should_prune():
            raise ts.TrialPruned
    return loss / LAST


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return None if request.param == "memory" else tmp_path / "tune.db"


def made(storage: Any = None, **arguments: Any) -> ts.Study:
    return ts.create_study(storage=storage, seed=0, **{"sampler": "random", "pruner": Rungs(), **arguments})


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_best_go_on_where_they_stopped(storage: Any, jobs: int) -> None:
    study = made(storage)
    study.optimize(train, n_trials=9, n_jobs=jobs)
    trials = study.trials
    assert {t.state for t in trials} == {PAUSED, COMPLETE}
    for t in trials:
        steps = list(t.intermediate_values)
        assert steps == list(range(1, len(steps) + 1)), "no step twice, none left out"
        assert all(v == pytest.approx(t.params["x"]) for v in t.intermediate_values.values())
        assert len(steps) in ((1, 3) if t.state is PAUSED else (LAST,))
        assert t.cost == len(steps)
        assert list(t.intermediate_costs.values()) == [1.0] * len(steps)
    assert study.best_trial.params["x"] == min(t.params["x"] for t in trials)
    for t in trials:
        names = [f"checkpoint/{t.last_step}"] if t.state is PAUSED else []
        assert list(study.artifacts.of(t.number)) == names, "one that can go on has its last checkpoint, and no other"


def test_who_opens_the_study_again_goes_on_with_what_is_paused(tmp_path: Path) -> None:
    first = made(tmp_path / "tune.db")
    first.optimize(train, n_trials=6)
    paused = [t.number for t in first.trials if t.state is PAUSED]
    again = ts.load_study(study_name=first.study_name, storage=tmp_path / "tune.db", sampler="random", pruner=Rungs())
    assert again.history.paused == paused
    assert again.history.curves.can_resume
    again.optimize(train, n_trials=12)
    assert [t.attempt for t in again.trials if t.number in paused] != [2] * len(paused)
    assert sum(t.state is COMPLETE for t in again.trials) >= 2


def test_a_trial_without_a_checkpoint_begins_anew(storage: Any) -> None:
    begun = []

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        begun.append((trial.number, trial.attempt, trial.link.continues, trial.resumed_from_step))
        for step in range(1, LAST + 1):
            trial.report(x, step)
            if trial.should_prune():
                raise ts.TrialPruned
        return x

    study = made(storage)
    study.optimize(objective, n_trials=4)
    assert not study.history.curves.can_resume
    (done,) = [t for t in study.trials if t.state is COMPLETE]
    assert list(done.intermediate_values) == list(range(1, LAST + 1))
    assert [b[1:] for b in begun if b[0] == done.number] == [(1, False, None)] + [(k, True, None) for k in (2, 3)]


def test_the_paused_leader_is_run_to_its_end(storage: Any) -> None:
    class All(Rungs):
        def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
            return None

    study = made(storage, pruner=All())
    study.optimize(train, n_trials=5)
    assert [t.state for t in study.trials].count(COMPLETE) == 1
    assert study.best_trial.params["x"] == min(t.params["x"] for t in study.trials)
    study.optimize(train, max_cost=study.best_trial.cost)
    assert len(study.trials) == 5, "all that it may cost is spent"


def test_max_cost_is_in_the_unit_of_the_reports(storage: Any) -> None:
    study = made(storage, pruner="nop")
    study.optimize(train, max_cost=20)
    assert [t.cost for t in study.trials] == [9.0, 9.0, 9.0]
    for wrong in (-1, math.nan, "much", True):
        with pytest.raises(ValueError, match="max_cost"):
            study.optimize(train, max_cost=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("sampler", "step"), [("grid", 0.125), ("qmc", None)])
def test_a_sampler_whose_points_are_counted(storage: Any, sampler: str, step: float | None) -> None:
    """A paused trial has its cell, though it has no result."""
    study = made(storage, sampler=sampler, space={"x": ts.Float(0, 1, step=step)})
    study.optimize(train, n_trials=9)
    assert len({t.params["x"] for t in study.trials}) == len(study.trials) == 9


def test_a_resumed_trial_whose_process_dies_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    mark = tmp_path / "died"

    def objective(trial: ts.Trial) -> float:
        if trial.link.continues and trial.resumed_from_step == 3 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return train(trial)

    study = made(tmp_path / "tune.db")
    study.optimize(objective, n_trials=4, executor="processes")
    (done,) = [t for t in study.trials if t.state is COMPLETE]
    assert mark.exists()
    assert [a.failure for a in done.previous_attempts] == [None, None, FailureKind.LOST]
    assert list(done.intermediate_values) == list(range(1, LAST + 1))


def test_ask_and_tell(storage: Any) -> None:
    study = made(storage)
    states = []
    for _ in range(24):
        trial = study.ask()
        try:
            value = train(trial)
        except ts.TrialPruned:
            states.append(study.tell(trial, state=PRUNED).state)
        else:
            states.append(study.tell(trial, value).state)
    assert set(states) == {PAUSED, COMPLETE}
    assert len(study.trials) < 24


def test_a_step_may_cost_nothing(tmp_path: Path) -> None:
    """A result that was in a cache; the trial's cost is the sum of what was given, also after a pause."""
    study = ts.create_study(pruner=ts.pruners.LearningCurvePruner(), storage=tmp_path / "t.db", seed=0)

    def cached(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(4):
            trial.report(x, step, cost=0)
            if trial.should_prune():
                raise ts.TrialPruned
        return x

    study.optimize(cached, n_trials=12)
    assert [t.cost for t in study.trials] == [0.0] * len(study.trials)


def test_a_report_without_a_cost_is_measured_in_seconds() -> None:
    study = made(pruner="nop")

    def objective(trial: ts.Trial) -> float:
        trial.report(1.0, 0)
        trial.report(1.0, 1)
        return 1.0

    study.optimize(objective, n_trials=1)
    costs = study.trials[0].intermediate_costs
    assert 0 <= costs[0] < 60
    assert 0 <= costs[1] < 60


def test_an_attempt_that_reports_nothing_costs_nothing_in_the_users_unit(storage: Any) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.link.continues:
            return 1.0
        trial.report(1.0, 1, cost=1000.0)
        if trial.should_prune():
            raise ts.TrialPruned
        return 1.0

    study = made(storage)
    study.optimize(objective, n_trials=1)
    assert [(t.state, t.cost) for t in study.trials] == [(COMPLETE, 1000.0)]


@pytest.mark.parametrize("cost", ["1", -1.0, math.nan, math.inf, "much", [1]])
def test_a_cost_that_is_none(cost: Any) -> None:
    trial = made().ask()
    with pytest.raises((ValueError, TypeError), match="report: cost"):
        trial.report(1.0, 0, cost=cost)
    assert trial.reports is None


def test_a_checkpoint_folder_that_is_deleted_or_cannot_be_kept(tmp_path: Path) -> None:
    study = made(tmp_path / "tune.db", pruner="nop")
    trial = study.ask()
    (trial.checkpoint_dir / "a").write_text("1")
    trial.report(1.0, 1)
    shutil.rmtree(trial.checkpoint_dir)
    trial.report(1.0, 2)
    assert list(trial.artifacts) == ["checkpoint/1"], "what was published stays"
    (trial.checkpoint_dir / "link").symlink_to("/etc/passwd")
    with pytest.warns(UserWarning, match="checkpoint at step 3 cannot be kept"):
        trial.report(1.0, 3)
    assert list(trial.artifacts) == ["checkpoint/1"]
    study.release([trial.number])
    again = study.ask()
    assert (again.number, again.attempt, again.resumed_from_step) == (trial.number, 2, 1)
    assert (again.checkpoint_dir / "a").read_text() == "1"


def test_a_checkpoint_that_is_damaged(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    study = made(pruner="nop", artifact_store=store)
    trial = study.ask()
    (trial.checkpoint_dir / "a").write_text("1")
    trial.report(1.0, 1)
    for blob in (tmp_path / "store").rglob("*"):
        if blob.is_file():
            blob.chmod(0o644)
            blob.write_bytes(b"")
    study.release([trial.number])
    again = study.ask()
    with pytest.warns(UserWarning, match="begins anew"):
        assert again.resumed_from_step is None
    assert not list(again.checkpoint_dir.iterdir())


def test_a_copy_without_its_study_has_no_checkpoint() -> None:
    trial = made().ask()
    trial.link.connect(None)
    assert trial.resumed_from_step is None
    with pytest.raises(ArtifactError, match="no connection"):
        _ = trial.checkpoint_dir


def test_a_pause_is_not_a_failure(storage: Any) -> None:
    study = made(storage)
    study.optimize(train, n_trials=3)
    assert all(a.failure is None for t in study.trials for a in t.previous_attempts)
    assert not any(kind is FailureKind.RAISED for kind in study.history.failure)
    assert "PAUSED" in study.trials_dataframe()["state"].tolist()


def test_what_pruning_saved_is_told(storage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    study = made(storage)
    assert study.savings is None
    study.optimize(train, n_trials=9, show_progress_bar=True)
    saved = study.savings
    assert saved is not None
    assert (saved.begun, saved.pruned, saved.full_reports) == (9, 0, 9 * LAST)
    assert saved.reports == saved.cost == sum(len(t.intermediate_values) for t in study.trials)
    assert saved.full_cost == 9 * LAST
    assert str(saved) in capsys.readouterr().err
    assert saved.note() in study.recommend().notes
    report = study.confirm(train, top_k=1, repeats=2)
    assert saved.note() in str(report)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), type("OutOfMemoryError", (RuntimeError,), {})("x"), RuntimeError("CUDA out of memory. Tried to")],
)
def test_a_run_that_needs_too_much_memory_does_not_stop_the_search(error: Exception) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_int("batch", 1, 64) > 32:
            raise error
        return 1.0

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=30)
    failed = [t for t in study.trials if t.state is TrialState.FAIL]
    assert failed
    assert {t.failure for t in failed} == {FailureKind.OOM}
    assert sum(t.state is TrialState.FAIL for t in study.trials[15:]) < 0.3 * 15, "the sampler learns to avoid them"


def test_a_copy_of_a_study_has_its_paused_trials_as_pruned(storage: Any, tmp_path: Path) -> None:
    study = made(storage)
    study.optimize(train, n_trials=4)
    twin = ts.copy_study(
        from_study_name=study.study_name, from_storage=study.storage, to_storage=tmp_path / "copy.db"
    ) or ts.load_study(study_name=study.study_name, storage=tmp_path / "copy.db")
    states = [PRUNED if t.state is PAUSED else t.state for t in study.trials]
    assert [t.state for t in twin.trials] == states
    assert [dict(t.intermediate_values) for t in twin.trials] == [dict(t.intermediate_values) for t in study.trials]
    assert [t.state for t in study.trials].count(PAUSED) == 3, "the study itself stays as it was"


def test_a_cost_limits_minimize_too() -> None:
    def objective(x: float, trial: ts.Trial) -> float:
        for step in range(3):
            trial.report(x, step, cost=2.0)
        return x

    study = ts.minimize(objective, {"x": ts.Float(0, 1)}, max_cost=20, pruner="nop", seed=0)
    assert sum(t.cost for t in study.trials) == 24


def test_an_objective_that_saves_checkpoints_runs_on_a_record() -> None:
    study = made()
    study.optimize(train, n_trials=4)
    assert train(study.best_trial) == study.best_value  # type: ignore[arg-type]
    assert 0 <= study.best_trial.seed < 2**32
