"""What a Dask cluster alone does to trials: workers that die and come, and schedulers that start again."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.executors.base import Failed, Finished
from tunesmith.executors.dask import DaskExecutor
from tunesmith.testing.executors import Recorder, a_trial, opened, process_runs, run_all, until, wait_for

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
pytestmark = [pytest.mark.dask, pytest.mark.xdist_group("dask")]

# The long form of the tests of faults: as many trials as the fault is meant to be survived with.
TRIALS = 300 if os.environ.get("TUNESMITH_FAULTS") == "full" else 12


def cluster(**options: Any) -> Any:
    return distributed.LocalCluster(dashboard_address=":0", **options)


@pytest.fixture
def own_client() -> Iterator[Any]:
    """A client of a cluster that a test may break; it is asked to keep two workers."""
    with cluster(n_workers=2, threads_per_worker=1) as own, distributed.Client(own, set_as_default=False) as client:
        own.adapt(minimum=2, maximum=2, interval="500ms")
        yield client


def ended_once(study: ts.Study, n: int) -> None:
    """Each of n trials has one end."""
    assert Counter(t.state.is_finished() for t in study.trials) == {True: n}
    assert sorted(study.history.number.tolist()) == list(range(n))


def learn(trial: ts.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def test_the_address_of_a_scheduler_is_enough(dask_client: Any) -> None:
    study = ts.create_study(seed=0)
    study.optimize(learn, n_trials=3, executor=DaskExecutor(dask_client.scheduler.address))
    ended_once(study, 3)


def test_a_resource_is_what_workers_were_started_with() -> None:
    with (
        cluster(n_workers=1, threads_per_worker=4, resources={"GPU": 2}) as own,
        distributed.Client(own, set_as_default=False) as client,
        opened(DaskExecutor(client, resources={"GPU": 1}), learn, Recorder()) as executor,
    ):
        assert executor.capacity == 2
        assert len(run_all(executor, [a_trial(k) for k in range(3)])) == 3


def note_pid(trial: ts.Trial) -> float:
    """Leave the process's number where the test finds it, and run for long at the first attempt."""
    path = Path(str(trial.user_attrs["path"]))
    if not path.exists():
        path.with_suffix(".new").write_text(str(os.getpid()))
        path.with_suffix(".new").rename(path)
        time.sleep(1000)
    return 1.0


def short(trial: ts.Trial) -> float:
    trial.set_user_attr("worker", os.getppid())
    time.sleep(0.1)
    return trial.suggest_float("x", 0, 1)


def test_workers_that_are_killed_one_after_another_cost_no_trial(own_client: Any, tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random")
    runs = tmp_path / "runs"

    def objective(trial: ts.Trial) -> float:
        with runs.open("a") as file:
            file.write(f"{trial.number}\n")
        return short(trial)

    def kill(study: ts.Study, trial: Any) -> None:
        if trial.number % 4 == 1:  # the one that ran it: by now it is about to begin another, or has just begun
            os.kill(trial.user_attrs["worker"], signal.SIGKILL)

    study.optimize(objective, n_trials=TRIALS, executor=own_client, callbacks=[kill], catch=ts.WorkerDiedError)
    ended_once(study, TRIALS)
    again = len(runs.read_text().split()) - TRIALS
    assert again <= TRIALS / 4 * 2, "what was told is not run again: at most what the killed workers ran"
    print(f"{TRIALS} trials, {again} runs again: {dict(Counter(t.state.name for t in study.trials))}")


@pytest.mark.slow
@pytest.mark.skipif(TRIALS < 300, reason="the long form only: TUNESMITH_FAULTS=full")
def test_workers_that_die_at_random_cost_no_trial(own_client: Any) -> None:
    """Dask's own chaos: each of two workers crashes after some seconds."""
    from distributed.chaos import KillWorker

    study = ts.create_study(seed=0, sampler="random")
    own_client.register_plugin(KillWorker(delay="5 s", mode="segfault"))
    study.optimize(short, n_trials=TRIALS, executor=own_client, catch=ts.WorkerDiedError)
    ended_once(study, TRIALS)
    ends = Counter(t.state.name for t in study.trials)
    workers = {t.user_attrs["worker"] for t in study.trials if t.user_attrs}
    print(f"{TRIALS} trials on {len(workers)} workers, one after the other: {dict(ends)}")


def test_a_restart_of_the_cluster_loses_what_ran_and_the_search_goes_on(own_client: Any, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with opened(DaskExecutor(own_client), note_pid, Recorder()) as executor:
        executor.submit(a_trial(0, path=str(path)))
        while not path.exists():
            executor.poll(0.05)
        own_client.restart()
        (first,) = wait_for(executor, 1)
        (second,) = run_all(executor, [a_trial(1, path=str(path))])
    assert isinstance(first, Failed)
    assert first.kind is None, "it is nobody's fault, and the trial is run again"
    assert isinstance(second, Finished)
    assert not process_runs(int(path.read_text()))


@pytest.mark.slow
def test_a_cluster_that_adapts_grows_and_shrinks_under_a_search() -> None:
    study = ts.create_study(seed=0, sampler="random")

    def objective(trial: ts.Trial) -> float:
        time.sleep(0.1)
        return trial.suggest_float("x", 0, 1)

    with cluster(n_workers=0, threads_per_worker=1) as own, distributed.Client(own, set_as_default=False) as client:
        own.adapt(minimum=0, maximum=2, interval="100ms", target_duration="100ms", wait_count=2)
        study.optimize(objective, n_trials=TRIALS, executor=client)
        until(lambda: not client.nthreads())
        study.optimize(objective, n_trials=2, executor=client)
    ended_once(study, TRIALS + 2)
