"""Trials on real clusters of Dask and Ray: what is the same on both, processes that die, drivers that are killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from tests.executors.conftest import Engine
from tests.executors.killed_driver import kill_drivers

import tunesmith as ts
from tunesmith.executors.base import Began, Event, Failed, Finished
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.testing.executors import Recorder, a_trial, opened, process_runs, run_all, until, wait_for

FULL = os.environ.get("TUNESMITH_FAULTS") == "full"


def learn(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for step in range(5):
        trial.report(x + step, step)
        if trial.should_prune():
            raise ts.TrialPruned
    trial.set_user_attr("pid", os.getpid())
    return x


@pytest.mark.parametrize("way", ["client", "name"])
def test_a_client_is_all_that_optimize_needs(engine: Engine, way: str) -> None:
    study = ts.create_study(seed=0, pruner="median")
    if engine.name == "dask" and way == "name":
        with engine.client.as_current():
            study.optimize(learn, n_trials=8, executor="dask")
    else:
        study.optimize(learn, n_trials=8, executor=engine.client if way == "client" else engine.name)
    assert {t.state for t in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(t.reports for t in study.trials)
    assert os.getpid() not in {t.user_attrs["pid"] for t in study.trials if t.state is TrialState.COMPLETE}


def test_the_capacity_is_the_room_that_machines_have(engine: Engine) -> None:
    def capacity(**options: object) -> int:
        with opened(engine.executor(**options), learn, Recorder()) as executor:
            return executor.capacity

    assert capacity() == engine.slots
    assert capacity(resources={"cpus": 2}) == engine.slots // 2
    assert capacity(resources={"cpus": 0}) == engine.slots
    assert capacity(jobs=7) == 7


def test_resources_that_no_machine_has_are_an_error_or_waited_for_until_the_deadline(engine: Engine) -> None:
    study = ts.create_study(seed=0)
    for name, need in (("unicorn", 1), ("cpus", 8)):
        words = rf"no {engine.machine} has .* {name}: {need} \(the most"
        with pytest.raises(ValueError, match=words):
            study.optimize(learn, n_trials=1, executor=engine.executor(resources={name: need}))
    assert not study.trials
    executor = engine.executor(jobs=2, resources={"unicorn": 1})
    with pytest.warns(UserWarning, match="The trials wait until one joins"):
        study.optimize(learn, n_trials=3, timeout=0.5, executor=executor)
    assert [(t.state, t.attempt) for t in study.trials] == [(TrialState.WAITING, 2)] * 2
    study.optimize(learn, n_trials_total=3, executor=engine.client)
    assert all(t.state.is_finished() for t in study.trials)


@pytest.mark.parametrize("size", [200_000, 10])
def test_large_objectives_and_large_results_arrive(engine: Engine, size: int) -> None:
    data = b"x" * size

    def objective(trial: ts.Trial) -> int:
        trial.set_user_attr("curve", list(range(200_000 // size)))
        return len(data)

    with opened(engine.executor(jobs=2), objective, Recorder()) as executor:
        ends = run_all(executor, [a_trial(k) for k in range(4)])
    assert [e.value for e in ends if isinstance(e, Finished)] == [size] * 4
    assert [len(e.trial.user_attrs["curve"]) for e in ends] == [200_000 // size] * 4


def test_what_is_no_client_is_refused(engine: Engine) -> None:
    kind = type(engine.executor())
    with pytest.raises(TypeError, match="or the address"):
        kind(7)
    assert kind.accepts(engine.client)
    assert not kind.accepts(os)


def note_pids(trial: ts.Trial) -> float:
    """Leave the numbers of this process and its parent where the test finds them, and run for long the first time."""
    path = Path(str(trial.user_attrs["path"]))
    if not path.exists():
        path.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()}")
        path.with_suffix(".new").rename(path)
        time.sleep(1000)
    return 1.0


def test_a_process_of_the_engine_that_is_killed_ends_what_it_ran_and_the_trial_can_run_again(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    events: list[Event] = []
    with opened(engine.executor(jobs=1), note_pids, Recorder()) as executor:
        executor.submit(a_trial(0, path=str(path)))
        while not any(isinstance(event, Began) for event in executor.poll(0.05)):
            pass
        until(path.exists)
        own, task = map(int, path.read_text().split())
        os.kill(task, signal.SIGKILL)
        until(lambda: not process_runs(own))
        while not any(isinstance(event, Finished | Failed) for event in events):
            events += executor.poll(1.0)
        if engine.name == "dask":  # it runs the task again, and Ray's retries are off
            assert any(isinstance(event, Began) for event in events)
            assert isinstance(events[-1], Finished)
        else:
            assert isinstance(events[-1], Failed)
            assert events[-1].kind is FailureKind.LOST
        (second,) = run_all(executor, [a_trial(1, path=str(path))])
    assert isinstance(second, Finished)


def test_a_trial_that_no_machine_has_begun_is_cancelled_at_once(engine: Engine, tmp_path: Path) -> None:
    with opened(engine.executor(jobs=20), note_pids, Recorder()) as executor:
        for number in range(engine.slots + 1):
            executor.submit(a_trial(number, path=str(tmp_path / str(number))))
        until(lambda: executor.poll(0.05) is not None and len(list(tmp_path.glob("[0-9]*"))) == engine.slots)
        (waiting,) = {*range(engine.slots + 1)} - {int(path.stem) for path in tmp_path.iterdir()}
        executor.cancel(waiting)
        (end,) = wait_for(executor, 1)
        assert isinstance(end, Failed)
        assert (end.trial.number, end.kind) == (waiting, FailureKind.KILLED)
        assert "before it began" in str(end.error)


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nothing_running_and_the_same_command_goes_on(
    engine: Engine, tmp_path: Path
) -> None:
    run = f"{engine.connect}\nstudy.optimize(objective, n_trials_total=trials, executor=client)"
    kill_drivers(tmp_path, 20 if FULL else 1, engine.address, run)
