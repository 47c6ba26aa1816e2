"""Pools with ``submit``: their own processes, futures that cannot call back, and the folder of the messages."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith import Trial, WorkerDiedError
from tunesmith.executors import folder, wire
from tunesmith.executors.base import Failed, Finished
from tunesmith.executors.folder import DriversFolder, TasksFolder, append
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


def test_jobs_of_a_cluster_that_has_only_submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = Cluster()
    with pytest.raises(ValueError, match="does not say how many tasks it runs at once: give n_jobs="):
        choose_executor(cluster, None).open(objective, None)
    executor = choose_executor(cluster, 2)
    assert isinstance(executor, FuturesExecutor)
    with pytest.warns(UserWarning, match="may run on other machines, .* Give FuturesExecutor.folder=...."):
        executor.open(learn, recorder := Recorder(prune_from=2))
    ends = run_all(executor, [a_trial(k) for k in range(3)])
    executor.close()
    assert [str(e.error) for e in ends if isinstance(e, Failed)] == ["at 2"] * 3
    assert len(recorder.reports) == 9


class Submitit(Cluster):
    """A pool whose jobs are files in a folder, by the name of its module and what it says of itself."""

    cluster = "slurm"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.folder = path


Submitit.__module__ = "submitit.auto.auto"


def test_the_folder_is_one_that_the_tasks_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def where(*arguments: Any, **options: Any) -> Path:
        with opened(FuturesExecutor(*arguments, jobs=1, **options), learn, None) as executor:
            found: Path = executor._folder.address.folder  # type: ignore[attr-defined]  # of the executor above
            if os.name != "nt":
                assert found.stat().st_mode & 0o777 == 0o700
        assert not found.exists()
        return found.parent

    local = Submitit(tmp_path / "jobs")
    local.cluster = "local"
    with ThreadPoolExecutor(1) as pool:
        assert where() == where(pool) == where(local) == tmp_path / "temporary"
        assert where(pool, folder=tmp_path / "mine") == tmp_path / "mine"
    assert where(Submitit(tmp_path / "jobs" / "%j" / "logs")) == tmp_path / "jobs"
    assert where(Submitit(tmp_path), folder=tmp_path / "mine") == tmp_path / "mine"


def test_a_task_that_cannot_reach_the_folder_runs_its_trial_and_all_arrives_with_its_end(tmp_path: Path) -> None:
    with opened(FuturesExecutor(jobs=1), learn, Recorder()) as executor:
        made = executor._folder  # type: ignore[attr-defined]  # of the executor above
        made.expect = lambda name, expect=made.expect: (expect(name), made.forget(name))[0]
        with pytest.warns(UserWarning, match=r"could not reach the folder .*its trial ran all the same"):
            (event,) = run_all(executor, [a_trial(0)])
    assert isinstance(event, Finished)
    assert event.trial.link.unsent()[1] == {step: step / 2 for step in range(10)}


# -- the folder --------------------------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Any:
    made = DriversFolder(tmp_path / "new" / "folder", 0.05)
    yield made
    made.close()


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_messages_come_whole_and_in_order(made: DriversFolder, size: int) -> None:
    reader = made.expect("t")
    task = TasksFolder(made.address, "t")
    sent = [bytes([10]) + bytes([k]) * size for k in range(5)]
    for message in sent:
        task.send(message)
        made.tell("t", "a", message)
    heard: list[Any] = []
    until(lambda: heard.append(task.next_order()) or len(list(filter(None, heard))) == 5)
    assert [order for order in heard if order] == [("a", message) for message in sent]
    assert reader.read() == sent
    assert reader.read() == []


def test_a_message_that_was_cut_off_is_passed_over(made: DriversFolder) -> None:
    reader, path = made.expect("t"), made.address.up("t")
    append(path, b"one")
    with path.open("ab") as file:
        file.write(b"\nbm90IHdob2")  # its task was killed
    assert reader.read() == [b"one"]
    append(path, b"two")
    assert reader.read()[-1] == b"two"
    for wrong in (b"", b"v", b"v123", b"v" + b"\xff" * 8, b"v" + struct.pack(">Q", 2) + b"{}", pickle.dumps(1)):
        with pytest.raises(ValueError, match="a message"):
            wire.unpack(wrong)
    assert wire.unpack(wire.pack(b"v", 2**70, None, [1.5, "é\ud800"], parts=[b"", b"\0"])) == (
        2**70, None, [1.5, "é\ud800"], b"", b"\0",
    )  # fmt: skip


def test_a_task_that_runs_again_hears_no_answer_to_its_first_run(made: DriversFolder) -> None:
    made.expect("t")
    made.tell("t", "a", b"to the first one")
    made.tell("t", "c", 2.5)
    assert TasksFolder(made.address, "t").next_order() == ("c", 2.5)


def test_a_task_ends_with_its_driver_and_not_with_a_process_elsewhere(
    made: DriversFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "DRIVER_LOOK_SECONDS", 0.0)
    made.expect("t")
    host, _, token = made.address.driver.rsplit(":", 2)
    elsewhere = TasksFolder(replace(made.address, driver=f"not-{host}:{2**22 + 1}:{token}"), "t")
    dead = TasksFolder(replace(made.address, driver=f"{host}:{2**22 + 1}:{token}"), "t")
    assert elsewhere.next_order() is None
    with pytest.raises(ConnectionError, match="the driver is dead"):
        dead.next_order()
    monkeypatch.setattr(folder, "SILENCE_SECONDS", 0.2)
    made.address.beats.touch()
    assert elsewhere.next_order() is None
    time.sleep(0.3)
    with pytest.raises(ConnectionError, match="the driver is dead"):
        elsewhere.next_order()
    made.close()
    with pytest.raises(OSError, match="No such file"):
        elsewhere.next_order()


def test_folders_of_killed_drivers_are_removed_a_day_later(tmp_path: Path) -> None:
    left, living = DriversFolder(tmp_path, 1.0), DriversFolder(tmp_path, 1.0)
    os.utime(left.address.beats, (1e9, 1e9))
    DriversFolder(tmp_path, 1.0).close()
    assert [path.name for path in tmp_path.iterdir()] == [living.address.folder.name]
    left.close()
    living.close()


class Evil:
    """What runs code where it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.touched,)


def test_messages_are_data(tmp_path: Path) -> None:
    """Nothing that comes from the folder is unpickled in the driver."""
    touched = tmp_path / "touched"
    with ThreadPoolExecutor(1) as pool, opened(FuturesExecutor(pool), wait_for_file, Recorder()) as executor:
        executor.submit(a_trial(4, path=str(tmp_path / "go")))
        (sent,) = executor._sent.values()  # type: ignore[attr-defined]  # of the executor above
        evil = pickle.dumps(Evil(touched))
        path = executor._folder.address.up(sent.name)  # type: ignore[attr-defined]  # of the executor above
        append(path, wire.pack(wire.BEGUN, 1))
        append(path, wire.pack(wire.END, 1, parts=[evil, evil, evil]))
        append(path, wire.pack(wire.PRINTED, "", parts=[wire.pack(wire.END, 1, parts=[evil, evil, evil])]))
        append(path, wire.pack(wire.UNUSABLE, "x", "y"))
        append(path, wire.pack(wire.REPORT, 1, 0, 0.5, 1.0, False))
        events = executor.poll(10)
        assert {"Began", "Report"} <= {type(event).__name__ for event in events} <= {"Began", "Report"}
        (tmp_path / "go").touch()
    assert not touched.exists()


# -- pools that break, and drivers that die ----------------------------------------------------------------------------


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
def test_trials_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    """Though processes of the pool live on."""
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(DRIVER))
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as driver:
        assert driver.stdout is not None
        try:
            pids = [int(driver.stdout.readline()) for _ in range(2)]
            driver.kill()
            driver.wait()
            until(lambda: not any(map(process_runs, pids)))
        finally:
            os.killpg(driver.pid, signal.SIGKILL)  # with the processes of its pool


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
