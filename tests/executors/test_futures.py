"""Pools with ``submit``: their own processes, futures that cannot call back, and tasks that cannot reach the driver."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest

import tunesmith
from tunesmith import Trial, WorkerDiedError
from tunesmith.executors.base import Failed, Finished
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.foundation.states import FailureKind
from tunesmith.study.optimize import choose_executor
from tunesmith.testing.executors import Recorder, a_trial, opened, process_runs, run_all, until, wait_for
from tunesmith.testing.objectives import learn, wait_for_file

posix = pytest.mark.skipif(os.name == "nt", reason="tells of signals and process groups")
POOL = get_context("spawn")  # a fork of the test process would hold its threads' locks


def objective(trial: Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 0)
    return x if not trial.should_prune() else 2.0


def test_a_process_pool_runs_a_study_and_stays_open() -> None:
    study = tunesmith.create_study(seed=0)
    with ProcessPoolExecutor(2, mp_context=POOL) as pool:
        study.optimize(objective, n_trials=5, executor=pool)
        assert pool.submit(abs, -1).result() == 1
    assert [t.intermediate_values for t in study.trials] == [{0: t.value} for t in study.trials]


class JobOfACluster:
    """A future like those of submitit: it cannot call back, and what it raises is its own."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def done(self) -> bool:
        return self._future.done()

    def result(self) -> Any:
        return self._future.result()

    def cancel(self) -> None:
        """Nothing is returned, whatever happens."""


class Cluster:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> JobOfACluster:
        return JobOfACluster(self._pool.submit(function, *arguments))


def test_jobs_of_a_cluster_that_has_only_submit() -> None:
    cluster = Cluster()
    with pytest.raises(ValueError, match="does not say how many tasks it runs at once: give n_jobs="):
        choose_executor(cluster, None).open(objective, None)
    executor = choose_executor(cluster, 2)
    assert isinstance(executor, FuturesExecutor)
    recorder = Recorder(prune_from=2)
    with opened(executor, learn, recorder):
        ends = run_all(executor, [a_trial(k) for k in range(3)])
    assert [str(e.error) for e in ends if isinstance(e, Failed)] == ["at 2"] * 3


def test_a_task_that_cannot_reach_the_driver_runs_its_trial_and_all_arrives_with_its_end() -> None:
    with opened(FuturesExecutor(jobs=1), learn, Recorder()) as executor:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            closed = unused.getsockname()[1]
        executor._mailbox.address = replace(executor._mailbox.address, port=closed)  # type: ignore[attr-defined]  # ours
        with pytest.warns(UserWarning, match=rf"could not connect .*:{closed} .*its trial ran all the same"):
            (event,) = run_all(executor, [a_trial(0)])
    assert isinstance(event, Finished)
    assert event.trial.link.unsent()[1] == {step: step / 2 for step in range(10)}


def die_with_the_pool(trial: Trial) -> float:
    os.kill(os.getppid(), 9)
    time.sleep(60)
    return 1.0


@posix
def test_a_pool_that_breaks_loses_its_trials_and_says_so() -> None:
    with ProcessPoolExecutor(1, mp_context=POOL) as pool:
        executor = FuturesExecutor(pool, jobs=2)
        with opened(executor, die_with_the_pool, Recorder()):
            executor.submit(a_trial(0))
            (event,) = wait_for(executor, 1)
    assert isinstance(event, Failed)
    assert isinstance(event.error, WorkerDiedError)
    assert event.kind is FailureKind.LOST
    assert "the pool lost the task: BrokenProcessPool" in str(event.error)


def test_a_trial_in_the_pools_queue_is_cancelled_at_once(tmp_path: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        executor = FuturesExecutor(pool, jobs=2)
        with opened(executor, wait_for_file, Recorder()):
            executor.submit(a_trial(0, path=str(tmp_path / "never")))
            executor.submit(a_trial(1, path=str(tmp_path / "never")))
            executor.cancel(1)
            (waiting,) = wait_for(executor, 1)
            executor.cancel(0, 0.0)
            (running,) = wait_for(executor, 1)
    for event, number in ((waiting, 1), (running, 0)):
        assert isinstance(event, Failed)
        assert (event.trial.number, event.kind) == (number, FailureKind.KILLED)


DRIVER = """
    import os, time
    from concurrent.futures import ProcessPoolExecutor
    from tunesmith.executors import FuturesExecutor
    from tunesmith.testing.executors import Recorder, a_trial

    def objective(trial):
        os.write(1, f"{os.getpid()}\\n".encode())  # in one piece, for two write to the same pipe
        time.sleep(1000)

    if __name__ == "__main__":
        executor = FuturesExecutor(ProcessPoolExecutor(2), jobs=2)
        executor.open(objective, Recorder())
        executor.submit(a_trial(0))
        executor.submit(a_trial(1))
        while True:
            executor.poll()
"""


@posix
def test_trials_end_with_a_driver_that_is_killed(tmp_path: Any) -> None:
    """Though processes of the pool live on, and hold its sockets open."""
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(DRIVER))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            pids = [int(driver.stdout.readline()) for _ in range(2)]
        finally:
            driver.kill()
        until(lambda: not any(map(process_runs, pids)))


def test_no_process_is_kept_when_the_study_is_done() -> None:
    with opened(FuturesExecutor(jobs=1), lambda trial: os.getpid(), Recorder()) as executor:
        (event,) = run_all(executor, [a_trial(0)])
    assert isinstance(event, Finished)
    until(lambda: not process_runs(event.value))


def test_minimize_takes_an_executor_and_limits() -> None:
    study = tunesmith.minimize(
        lambda x: time.sleep(60) if x == 1 else x,
        tunesmith.Space(x=tunesmith.Int(0, 1)),
        n_trials=2,
        executor="futures",
        n_jobs=1,
        sampler="grid",
        timeout_per_trial=1.0,
        seed=0,
    )
    assert {t.params["x"]: t.failure for t in study.trials} == {0: None, 1: FailureKind.TIMEOUT}
