"""Several processes on one study: nothing is lost, doubled or locked; not by a fork, and not by kill -9."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith.errors import StorageError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.worker_names import current_worker, is_dead
from tunesmith.storage import open_storage
from tunesmith.storage.sql import SQLStorage
from tunesmith.storage.sql.backends import SQLite
from tunesmith.testing.storages import LAW_SPACE, begin, ended, run_trial, running_record
from tunesmith.trial.record import Fence

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")


def processes() -> Any:
    """Processes that start within milliseconds: they are forked off a clean one that has everything imported."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tunesmith.storage.sql"])
    return context


def work(url: str, name: str, n_trials: int, barrier: Any, results: Any) -> None:
    """Run trials as fast as it goes; send (number, seq) of each, or what went wrong."""
    try:
        storage = open_storage(url)
        study = storage.load_study(name)
        worker = current_worker()
        barrier.wait(60)
        done = []
        for i in range(n_trials):
            number = begin(storage, study, worker, eager=i % 2 == 1)
            seq, _ = storage.finish(study.id, ended(running_record(number, worker), float(number), user={"by": worker}))
            done.append((number, seq))
        results.put(done)
    except BaseException as error:
        results.put(repr(error))
        raise


def run_together(url: str, n_processes: int, n_trials: int) -> None:
    storage = open_storage(url)
    study = storage.create_study("shared", ["minimize"], 0, LAW_SPACE)
    context = processes()
    barrier, results = context.Barrier(n_processes), context.Queue()
    workers = [
        context.Process(target=work, args=(url, "shared", n_trials, barrier, results)) for _ in range(n_processes)
    ]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    assert [a for a in answers if isinstance(a, str)] == []
    pairs = sorted(pair for answer in answers for pair in answer)
    total = n_processes * n_trials
    assert [number for number, _ in pairs] == list(range(total))
    assert storage.read_since(study.id, 0).cursor == total
    stored = storage.trials(study.id)
    assert sorted(t.seq for t in stored) == list(range(1, total + 1))
    assert not storage.prompt or [(t.number, t.seq) for t in stored] == pairs
    assert {t.state for t in stored} == {TrialState.COMPLETE}
    assert [t.values for t in stored] == [(float(number),) for number in range(total)]
    assert len({t.user_attrs["by"] for t in stored}) == n_processes
    assert storage.claim(study.id, "w").number == total
    storage.close()


def test_eight_processes_on_one_file(tmp_path: Path) -> None:
    run_together(str(tmp_path / "tune.db"), 8, 200)


@pytest.mark.postgres
def test_four_processes_on_one_server(postgres_url: str) -> None:
    run_together(postgres_url, 4, 50)


def make_study(path: str, barrier: Any, results: Any) -> None:
    barrier.wait(60)
    try:
        storage = open_storage(path)
        try:
            study = storage.create_study("same", ["minimize"], 0)
        except StorageError:
            study = storage.load_study("same")
        results.put(study.id)
    except BaseException as error:
        results.put(repr(error))
        raise


def test_processes_that_create_the_file_at_the_same_time(tmp_path: Path) -> None:
    context = processes()
    barrier, results = context.Barrier(6), context.Queue()
    args = (str(tmp_path / "tune.db"), barrier, results)
    workers = [context.Process(target=make_study, args=args) for _ in range(6)]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert answers == [1] * 6


# -- kill -9 -------------------------------------------------------------------------------------------------------


def work_until_killed(path: str, log: str) -> None:
    """Run trials, and note each number once ``finish`` has returned."""
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    storage = open_storage(path)
    study = storage.load_study("killed")
    worker = current_worker()
    os.write(out, b"ready\n")
    while True:
        number = begin(storage, study, worker)
        storage.report(study.id, number, Fence(1), 0, 0.5)
        storage.finish(study.id, ended(running_record(number, worker, attempt=1), float(number), user={"a": 1}))
        os.write(out, f"{number}\n".encode())  # one write, so that no line is cut


@pytest.mark.slow
@posix
def test_kill_dash_nine_at_any_moment(tmp_path: Path) -> None:
    path = str(tmp_path / "tune.db")
    study = open_storage(path).create_study("killed", ["minimize"], 0, LAW_SPACE)
    context = processes()
    rng = random.Random(0)
    finished: set[int] = set()
    interrupted: set[int] = set()
    least = 0
    for turn in range(50):
        lines = rng.randrange(1, 6) if turn % 4 else 0  # 0: the kill may come while it opens the file
        least += max(0, lines - 1)  # without the one that says that it is ready
        log = tmp_path / f"log{turn}"
        log.touch()
        worker = context.Process(target=work_until_killed, args=(path, str(log)))
        worker.start()
        while log.read_bytes().count(b"\n") < lines:
            assert worker.is_alive()
            time.sleep(0.001)
        time.sleep(rng.random() * (0.003 if lines else 0.03))
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        told = [int(line) for line in log.read_text().splitlines()[1:]]
        assert not finished.intersection(told)
        finished.update(told)

        storage = open_storage(path)  # opens, and everything that was told is there
        found = {t.number: t for t in storage.trials(study.id, told)} if told else {}
        assert all(t.state is TrialState.COMPLETE and t.values == (float(n),) for n, t in found.items())
        assert all(t.user_attrs == {"a": 1} and t.reports == {0: 0.5} for t in found.values())
        left = [t for t in storage.trials(study.id, states=[TrialState.RUNNING]) if t.number not in interrupted]
        assert len(left) <= 1
        assert all(is_dead(t.worker) for t in left)
        interrupted.update(t.number for t in left)
        storage.close()
    storage = open_storage(path)
    new = storage.read_since(study.id, 0)
    assert finished <= set(new.number.tolist())
    assert len(new.number) - len(finished) <= 50, "at most one a kill was finished without having been told"
    assert new.cursor == len(new.number) == len(set(new.number.tolist()))
    assert len(finished) >= least > 50
    # The interrupted ones are given back and run to their end.
    storage.release(study.id, dict.fromkeys(interrupted, Fence(1)))
    for number in sorted(interrupted):
        claim = storage.claim(study.id, "w")
        assert claim.number == number
        assert storage.start(study.id, claim, running_record(number, attempt=2)) is not None
        storage.finish(study.id, ended(running_record(number, attempt=2)))
    assert set(storage.count(study.id)) == {TrialState.COMPLETE}
    storage.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


# -- forks, pickles, threads ---------------------------------------------------------------------------------------


@posix
def test_a_fork_does_not_share_connections(tmp_path: Path) -> None:
    # Had the child inherited SQLite's belief to hold a lock, the parent's close() would delete the journal under the
    # child, and the child's trials would be gone. In a process of its own: forking is no good in a test runner.
    script = """
        import os, sys, threading
        from tunesmith.storage import open_storage
        from tunesmith.testing.storages import run_trial as run

        storage = open_storage(sys.argv[1])
        study = storage.create_study("a", ["minimize"], 0)
        run(storage, study)
        other = threading.Thread(target=run, args=(storage, study))  # its connection stays open until it ends
        other.start()
        other.join()
        to_child, to_parent = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            run(storage, study)
            os.write(to_parent[1], b"opened")
            os.read(to_child[0], 9)
            for _ in range(5):
                run(storage, study)
            os._exit(0)
        os.read(to_parent[0], 9)
        run(storage, study)
        storage.close()
        os.write(to_child[1], b"closed")
        assert os.waitpid(pid, 0)[1] == 0
        print(len(storage.trials(study.id)))
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(tmp_path / "tune.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("9\n", 0), done.stderr


def test_a_pickled_storage_opens_anew(tmp_path: Path) -> None:
    storage = SQLStorage(tmp_path / "größe %20 ? # ∂.db", timeout=5.0)
    study = storage.create_study("a", ["minimize"], 0)
    again = pickle.loads(pickle.dumps(storage))
    run_trial(again, study)
    assert storage.count(study.id) == {TrialState.COMPLETE: 1}
    assert again.database.timeout == 5.0
    again.close()
    storage.close()


@pytest.mark.postgres
def test_a_pickled_storage_keeps_its_url(postgres_url: str) -> None:
    storage = open_storage(postgres_url)
    study = storage.create_study("a", ["minimize"], 0)
    again = pickle.loads(pickle.dumps(storage))
    run_trial(again, study)
    assert storage.count(study.id) == {TrialState.COMPLETE: 1}
    again.close()
    storage.close()


def test_threads_use_the_same_connections(tmp_path: Path) -> None:
    storage = SQLStorage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0)
    for _ in range(5):
        thread = threading.Thread(target=run_trial, args=(storage, study))
        thread.start()
        thread.join()
    assert storage.count(study.id) == {TrialState.COMPLETE: 5}
    assert len(storage.database.connections) == 1
    storage.close()


def test_a_closed_storage_opens_again(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0)
    storage.close()
    storage.close()
    run_trial(storage, study)
    assert storage.count(study.id) == {TrialState.COMPLETE: 1}
    storage.close()


def test_a_storage_is_closed_while_a_thread_opens_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = SQLStorage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0)
    storage.close()
    opening, set_up = threading.Event(), SQLite.set_up

    def slow(self: SQLite, connection: Any, where: str) -> str:
        opening.set()
        time.sleep(0.1)  # a close that does not wait for this frees the connection meanwhile
        return set_up(self, connection, where)

    monkeypatch.setattr(SQLite, "set_up", slow)
    thread = threading.Thread(target=run_trial, args=(storage, study))
    thread.start()
    assert opening.wait(10)
    storage.close()
    thread.join(10)
    assert storage.count(study.id) == {TrialState.COMPLETE: 1}
    storage.close()


def test_a_storage_that_nobody_holds_is_closed(tmp_path: Path) -> None:
    storage = SQLStorage(tmp_path / "tune.db")
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    connection = next(iter(storage.database.connections)).driver
    gc.disable()  # at once, and not at some later time: Windows removes no file that is open
    try:
        del storage
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    finally:
        gc.enable()


@pytest.mark.postgres
def test_a_server_that_closed_the_connection(postgres_url: str) -> None:
    import psycopg

    storage = open_storage(postgres_url)
    study = storage.create_study("a", ["minimize"], 0)
    for again in (lambda: storage.claim(study.id, "w"), lambda: run_trial(storage, study)):
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        again()
    assert storage.count(study.id) == {TrialState.COMPLETE: 1}
    storage.close()


MORE = """
import sys
import tunesmith

study = tunesmith.load_study(storage=sys.argv[1], study_name="s", sampler="random")
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=int(sys.argv[2]))
print(len(study.trials))
"""


@pytest.mark.parametrize("look", ["load", "other name", "check"])
def test_opening_a_file_again_leaves_its_locks_in_place(look: str, tmp_path: Path) -> None:
    """A lost lock lets a process that ends delete the write-ahead log that this one still writes to."""
    path = tmp_path / "tune.db"

    def more(n_trials: int) -> int:
        command = [sys.executable, "-c", MORE, str(path), str(n_trials)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    study = tunesmith.create_study(storage=path, study_name="s", sampler="random", seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    if look == "load":
        tunesmith.load_study(storage=path, study_name="s")
    elif look == "check":
        assert tunesmith.storage.check(path) == []
    else:
        other = tmp_path / "tune.of.mine"
        other.hardlink_to(path)
        with pytest.raises(StorageError, match="neither a file name"):
            open_storage(str(other))
    assert more(3) == 6
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    assert len(study.trials) == 9
    assert len(tunesmith.load_study(storage=path, study_name="s").trials) == 9
    assert more(0) == 9
