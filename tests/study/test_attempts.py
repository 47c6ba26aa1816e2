"""A trial that is run again: what its earlier attempts left is there, and it is not run again for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.integrations.pausing import EachStep

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.errors import TrialInterrupted
from tunesmith.foundation.states import FailureKind
from tunesmith.testing.simulated import SimulatedCluster
from tunesmith.trial.record import curve

HEAD = """
import os, signal, sys, time
import tunesmith as ts
from pathlib import Path
study = ts.create_study(storage="tune.db", study_name="s", load_if_exists=True, sampler="random", seed=0)
"""


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "tune.db"


def program(folder: Path, text: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HEAD + text], cwd=folder, capture_output=True, text=True, check=False, timeout=60, **more
    )


def load(folder: Path) -> ts.Study:
    return ts.load_study(storage=folder / "tune.db", study_name="s")


def test_a_killed_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    text = """
def train(trial):
    begin = trial.user_attrs.get("checkpoint", -1) + 1
    for epoch in range(begin, 6):
        trial.report(1 / (epoch + 1), epoch)
        trial.set_user_attr("checkpoint", epoch)
        if epoch == 3 and trial.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return 0.0
study.optimize(train, n_trials=1)
"""
    assert program(tmp_path, text).returncode == -signal.SIGKILL
    (trial,) = load(tmp_path).trials
    assert trial.user_attrs == {"checkpoint": 3}, "it was stored when it was set"
    ran = program(tmp_path, text)
    assert ran.returncode == 0, ran.stderr
    (trial,) = load(tmp_path).trials
    assert (trial.state, trial.attempt, trial.crashes) == (TrialState.COMPLETE, 2, 1)
    (first,) = trial.previous_attempts
    assert (first.reports, first.user_attrs) == ({e: 1 / (e + 1) for e in range(4)}, {"checkpoint": 3})
    assert (first.failure, first.late, first.worker != "") == (FailureKind.LOST, None, True)
    assert trial.reports == {4: 1 / 5, 5: 1 / 6}
    assert trial.intermediate_values == {e: 1 / (e + 1) for e in range(6)}
    assert trial.user_attrs == {"checkpoint": 5}


def test_a_trial_that_began_without_a_space_runs_again_with_its_parameters(store: Path | None, tmp_path: Path) -> None:
    """The space is known when it runs again, and the sampler would have something else for it."""
    seen = tmp_path / "seen"

    def train(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        with seen.open("a") as log:
            log.write(f"{trial.number} {x}\n")
        if trial.number == 0 and trial.attempt == 1:
            end = time.monotonic() + 30
            while seen.read_text().count("\n") < 3 and time.monotonic() < end:
                time.sleep(0.01)
            os._exit(1)
        return x

    study = ts.create_study(storage=store, sampler="random", seed=1)
    study.optimize(train, n_trials=4, n_jobs=2)
    runs = [float(line.split()[1]) for line in seen.read_text().splitlines() if line.startswith("0 ")]
    assert len(runs) == 2
    assert runs[0] == runs[1] == study.trials[0].params["x"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_trial_finds_what_it_left(store: Path | None, jobs: int) -> None:
    seen: list[Any] = []

    def train(trial: ts.Trial) -> float:
        left = trial.previous_attempts
        for step in range(3):
            trial.report(float(step + 10 * trial.attempt), step)
        trial.set_user_attr("by", trial.attempt)
        trial.set_user_attr(f"only {trial.attempt}", [left[0].reports[2], left[0].user_attrs] if left else None)
        if not left:
            trial.should_prune()  # so that the driver has heard it all
            raise KeyboardInterrupt
        return 0.0

    study = ts.create_study(storage=store, seed=0)
    if jobs == 1:
        with pytest.raises(KeyboardInterrupt):
            study.optimize(train, n_trials=1)
    else:  # an interrupt of the driver, while a worker trains
        trial = study.ask()
        with pytest.raises(KeyboardInterrupt):
            train(trial)
        study.release([0])
    study.optimize(train, n_trials=1, n_jobs=jobs)
    (trial,) = study.trials
    assert (trial.attempt, trial.crashes) == (2, 0)
    first = {"by": 1, "only 1": None}
    assert trial.user_attrs == {**first, "by": 2, "only 2": [12.0, first]}
    (left,) = trial.previous_attempts
    assert (left.attempt, left.reports, left.user_attrs) == (1, {0: 10.0, 1: 11.0, 2: 12.0}, first)
    assert left.failure is (FailureKind.INTERRUPTED if jobs == 1 else None), "a release is its user's own word"
    assert trial.reports == trial.intermediate_values == {0: 20.0, 1: 21.0, 2: 22.0}
    assert not seen


def test_a_pruner_sees_the_present_attempt(store: Path | None) -> None:
    study = ts.create_study(storage=store, seed=0)
    for value in (1.0, 1.0, 1.0, 1.0, 1.0):
        trial = study.ask()
        for step in range(4):
            trial.report(value, step)
        study.tell(trial, value)
    trial = study.ask()
    for step in range(3):
        trial.report(9.0, step)  # hopeless
    study.release([trial.number])
    again = study.ask()
    again.report(0.5, 0)
    assert not again.should_prune(), "the hopeless reports were those of the attempt before"
    steps, values = study.history.curves.of(again.number)
    assert (steps.tolist(), values.tolist()) == ([0], [0.5])
    study.release([again.number])
    third = study.ask()
    assert third.number == again.number
    third.report(0.4, 1)  # went on from step 0
    steps, values = study.history.curves.of(third.number)
    assert (steps.tolist(), values.tolist()) == ([0, 1], [0.5, 0.4])
    assert not third.should_prune()
    study.tell(third, 0.4)
    assert study.trials[-1].intermediate_values == {0: 0.5, 1: 0.4}
    assert study.history.curves.of(third.number)[1].tolist() == [0.5, 0.4]


def test_another_process_reads_the_curve_of_the_present_attempt(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "tune.db", study_name="s", seed=0)
    trial = study.ask()
    for step in range(3):
        trial.report(9.0, step)
    other = load(tmp_path)
    assert other.history.curves.of(0)[1].tolist() == [9.0] * 3
    study.release([0])
    again = study.ask()
    again.report(1.0, 0)
    other.read_on()
    assert other.history.curves.of(0)[1].tolist() == [1.0]
    again.report(2.0, 1)
    study.tell(again, 0.0)
    assert other.history.curves.of(0)[1].tolist() == [1.0, 2.0]


def test_curves_of_attempts() -> None:
    assert curve([]) == curve([{}]) == {}
    assert curve([{0: 1.0, 1: 2.0}, {}]) == {0: 1.0, 1: 2.0}
    assert curve([{0: 1.0, 1: 2.0}, {0: 3.0}]) == {0: 3.0}
    assert curve([{0: 1.0, 1: 2.0, 2: 3.0}, {2: 4.0, 3: 5.0}, {}, {3: 6.0}]) == {0: 1.0, 1: 2.0, 2: 4.0, 3: 6.0}


def test_a_replaced_attempt_writes_nothing(store: Path | None) -> None:
    study = ts.create_study(storage=store, seed=0)
    late = study.ask()
    study.release([0])
    again = study.ask()
    again.set_user_attr("by", "again")
    for write in (lambda: late.report(1.0, 0), lambda: late.set_user_attr("by", "late")):
        with pytest.raises(ts.AttemptReplacedError, match="attempt 1 was given up and the trial is at attempt 2"):
            write()
    with pytest.raises(ts.AttemptReplacedError, match="kept as a note"):
        study.tell(late, 1.0)
    study.tell(again, 2.0)
    with pytest.raises(ts.AttemptReplacedError):
        study.tell(late, 3.0)
    assert study.tell(late, 3.0, skip_if_finished=True).value == 2.0
    (trial,) = study.trials
    assert (trial.values, trial.user_attrs, trial.reports) == ((2.0,), {"by": "again"}, None)
    assert trial.previous_attempts[0].late == {"state": "COMPLETE", "values": [3.0], "reason": None}


def test_a_search_goes_on_when_a_trial_was_taken_over() -> None:
    def train(trial: ts.Trial) -> float:
        if trial.number == 1 and trial.attempt == 1:
            study.release([1])
            study.tell(study.ask(), 5.0)
            trial.report(0.0, 0)
        return 1.0

    study = ts.create_study(seed=0)
    with pytest.warns(UserWarning, match="trial 1: attempt 1 was given up"):
        study.optimize(train, n_trials=3)
    assert [(t.state, t.value) for t in study.trials] == [(TrialState.COMPLETE, v) for v in (1.0, 5.0, 1.0)]


def test_what_a_running_trial_notes_is_there_at_once(store: Path | None) -> None:
    study = ts.create_study(storage=store, study_name="s", seed=0)
    trial = study.ask()
    trial.set_user_attr("a", (1, 2))
    trial.report(0.5, 3)
    other = study if store is None else ts.load_study(storage=store, study_name="s")
    (found,) = other.trials
    assert (found.state, found.user_attrs, found.reports) == (TrialState.RUNNING, {"a": [1, 2]}, {3: 0.5})


def test_notes_reach_the_storage_from_a_worker_process(tmp_path: Path) -> None:
    def train(trial: ts.Trial) -> float:
        trial.set_user_attr("seen", 1)
        trial.report(0.25, 0)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    study = ts.create_study(storage=tmp_path / "tune.db", seed=0)
    study.optimize(train, n_trials=1, n_jobs=2, catch=ts.WorkerDiedError)
    (trial,) = study.trials
    assert (trial.state, trial.user_attrs, trial.reports) == (TrialState.FAIL, {"seen": 1}, {0: 0.25})


# -- crashes -------------------------------------------------------------------------------------------------------

CRASH = """
def crash(trial):
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0
study.optimize(crash, n_trials=3)
"""


def test_a_trial_that_kills_its_process_is_given_up(tmp_path: Path) -> None:
    codes = [program(tmp_path, CRASH).returncode for _ in range(5)]
    assert codes == [-signal.SIGKILL] * 2 + [0, 0, 0]
    trial = load(tmp_path).trials[1]
    assert (trial.state, trial.attempt, trial.failure) == (TrialState.FAIL, 2, FailureKind.LOST)
    assert str(trial.reason).startswith("its process died 2 times")
    assert "without a new report or checkpoint, and retries is 1" in str(trial.reason)
    assert len([t for t in load(tmp_path).trials if t.state is TrialState.COMPLETE]) == 10


def test_a_death_after_progress_is_not_counted(tmp_path: Path) -> None:
    """A training that dies at each step comes to its end if it saves what it has, and not if it begins anew."""

    def train(trial: ts.Trial) -> float:
        log, saves = trial.checkpoint_dir / "log", trial.number == 0 and trial.attempt < 5
        if trial.attempt == 1:
            log.write_text("1")
            for step in range(6):
                trial.report(0.0, step)  # only the first one finds something to publish
        elif saves:
            assert trial.resumed_from_step == trial.attempt - 2
            log.write_text("1" * trial.attempt)
            trial.report(0.0, trial.attempt - 1)  # a step that was reported before, and a new checkpoint
        trial.should_prune()  # so that the driver has heard it all
        os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    study = ts.create_study(storage=tmp_path / "tune.db", seed=0)
    study.optimize(train, n_trials=2, n_jobs=2, catch=FailureKind.LOST)
    saved, anew = study.trials
    assert [(t.attempt, t.failure) for t in (saved, anew)] == [(6, FailureKind.LOST), (3, FailureKind.LOST)]
    assert "its process died 2 times (" in str(saved.reason)
    assert "without a new report or checkpoint, and retries is 1" in str(anew.reason)


def test_every_reason_to_run_again_has_a_limit(store: Path | None) -> None:
    """Deaths, SIGTERM of a worker, a program's own word, and an engine that runs a task again and again."""

    def interrupted(trial: ts.Trial) -> float:
        trial.report(1.0, 0)  # the same step each time is no progress
        raise TrialInterrupted("the machine is wanted elsewhere")

    def ends(cluster: Any, objective: Any = lambda trial: 1.0, **retries: int) -> list[Any]:
        study = ts.create_study(storage=store, seed=0, retries=retries or None)
        study.optimize(objective, n_trials=2, executor=cluster, catch=FailureKind.LOST)
        return [(t.state, t.attempt, t.failure) for t in study.trials]

    failed, interrupt, lost = TrialState.FAIL, FailureKind.INTERRUPTED, FailureKind.LOST
    assert ends(SimulatedCluster(2, notice=1e-3)) == [(failed, 11, interrupt)] * 2
    assert ends(SimulatedCluster(2, life=1e-3)) == [(failed, 2, lost)] * 2
    assert ends(None, interrupted) == [(failed, 12, interrupt)] * 2
    assert ends(None, interrupted, interrupted=0) == [(failed, 1, interrupt)] * 2
    assert ends(SimulatedCluster(2, repeats=1.0), lost=0) == [(failed, 1, lost)] * 2


def test_an_interrupted_search_gives_a_trial_up_in_the_end(store: Path | None) -> None:
    def interrupt(trial: ts.Trial) -> float:
        raise KeyboardInterrupt

    study = ts.create_study(storage=store, seed=0, retries={"interrupted": 2})
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            study.optimize(interrupt, n_trials=1)
    (trial,) = study.trials
    assert (trial.state, trial.attempt, trial.failure) == (TrialState.FAIL, 3, FailureKind.INTERRUPTED)
    assert str(trial.reason) == (
        "it was interrupted 3 times (SIGTERM, Ctrl-C, a machine that was taken away?) without a new report or "
        "checkpoint, and retries is {'interrupted': 2}"
    )


def test_retries_are_kept_with_the_study(tmp_path: Path) -> None:
    ts.create_study(storage=tmp_path / "tune.db", study_name="s", seed=0, retries=0)
    assert load(tmp_path).retries[FailureKind.LOST] == 0
    assert [program(tmp_path, CRASH).returncode for _ in range(2)] == [-signal.SIGKILL, 0]
    assert str(load(tmp_path).trials[1].reason).startswith("its process died once")
    again = {"lost": 7, FailureKind.RAISED: 2, "interrupted": 3}
    ts.create_study(storage=tmp_path / "tune.db", study_name="s", load_if_exists=True, retries=again)
    assert load(tmp_path).retries == {FailureKind.LOST: 7, FailureKind.RAISED: 2, FailureKind.INTERRUPTED: 3}
    assert ts.create_study().retries == {FailureKind.LOST: 1, FailureKind.INTERRUPTED: 10}


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (-1, "0 or more"),
        (1.5, "0 or more"),
        ("3", "0 or more"),
        (True, "0 or more"),
        ({"lost": -1}, "0 or more"),
        ({"losst": 1}, "did you mean 'lost'"),
        ({"lease": 1}, "no kind of failure 'lease'"),
    ],
)
def test_retries_are_counts_of_known_kinds(wrong: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ts.create_study(retries=wrong)


WAITS = """
def wait(trial):
    Path("running{turn}").touch()
    time.sleep(60)
    return 1.0
study.optimize(wait, n_trials=2, n_jobs={jobs})
"""


@pytest.mark.parametrize(
    ("jobs", "number", "state"),
    [
        (1, signal.SIGTERM, TrialState.WAITING),
        (2, signal.SIGTERM, TrialState.WAITING),
        (1, signal.SIGINT, TrialState.WAITING),
        (2, signal.SIGKILL, TrialState.RUNNING),  # the driver, while workers run the trials
    ],
)
def test_an_interruption_is_no_crash(tmp_path: Path, jobs: int, number: signal.Signals, state: TrialState) -> None:
    for turn in range(2):  # each with a sign of its own: a worker of a killed driver may give its own late
        text = HEAD + WAITS.format(jobs=jobs, turn=turn)
        process = subprocess.Popen([sys.executable, "-c", text], cwd=tmp_path, stderr=subprocess.DEVNULL)
        while not (tmp_path / f"running{turn}").exists():
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(30) == -number or number is signal.SIGINT
        assert load(tmp_path).trials[0].state is state
    study = load(tmp_path)
    study.recover()
    trial = study.trials[0]
    assert (trial.state, trial.attempt, trial.crashes) == (TrialState.WAITING, 3, 0)


def test_the_programs_own_handler_of_sigterm_stays() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        study = ts.create_study(seed=0)
        study.optimize(lambda t: os.kill(os.getpid(), signal.SIGTERM) or 1.0, n_trials=2)
        assert len(study.trials) == 2
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        study.optimize(lambda t: 1.0, n_trials=1)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("in_file", [False, True])
def test_a_trial_between_two_attempts_shows_what_it_reported_last(in_file: bool, tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "tune.db" if in_file else None, seed=0, pruner=EachStep())
    trial = study.ask()
    for epoch in trial.epochs(6, {"a": 1}):
        trial.report(epoch / 10, epoch, cost=2.0)
        if trial.should_prune():
            break
    study.tell(trial, state=TrialState.PRUNED)
    (paused,) = study.trials
    assert (paused.state, paused.attempt) == (TrialState.PAUSED, 2)
    assert (paused.reports, paused.costs) == ({1: 0.1}, {1: 2.0})
    trial = study.ask()
    assert study.trials[0].reports is None, "of this attempt, which runs"
    trial.report(0.2, 2, cost=2.0)
    assert study.trials[0].reports == {2: 0.2}
    study.release([trial.number])
    (waiting,) = study.get_trials(states=[TrialState.WAITING])
    assert waiting.reports == {2: 0.2}
    assert waiting.intermediate_values == {1: 0.1, 2: 0.2}
    assert waiting.learning_curve() == {1: (0.1, 2.0), 2: (0.2, 2.0)}
    study.release([study.ask().number])
    assert study.trials[0].reports == {2: 0.2}, "of the last one that reported"
