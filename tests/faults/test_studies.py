"""Studies on servers: every answer may be lost, and the server may be killed, with nothing lost and nothing doubled."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.servers.server import Server

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.storage.sql import SQLStorage
from tunesmith.storage.sql import storage as sql_storage
from tunesmith.storage.sql.faults import Retry
from tunesmith.testing.storages import begin, ended, running_record
from tunesmith.trial.record import Fence

SERVERS: dict[str, Callable[[], Server]] = {"postgres": PostgresServer, "mariadb": MariaDBServer}
BOTH = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in SERVERS]
OUTAGE = float(os.environ.get("TUNESMITH_TEST_OUTAGE", "5"))  # seconds that a killed server is away


@pytest.fixture(params=BOTH)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def database(request: pytest.FixtureRequest, server: Server) -> str:
    name: str = request.getfixturevalue("postgres_database" if server.name == "PostgreSQL" else "mariadb_database")
    return name


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with server.proxy() as proxy:
        yield proxy


def environment() -> dict[str, str]:
    """For a process that finds the same packages."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def one_trial(study: ts.Study) -> int:
    """All that is written of a trial: claim, start, report, note, finish."""
    trial = study.ask()
    x = trial.suggest_float("x", 0.0, 1.0)
    trial.report(x, 0)
    trial.set_user_attr("note", trial.number)
    study.tell(trial, x)
    return trial.number


def test_each_reply_of_a_trial_may_be_lost(server: Server, database: str, proxy: Proxy) -> None:
    """It is recorded once, without an error; COMMIT's reply is one of them."""
    name = f"{server.name} trial"
    study = ts.create_study(storage=server.url(database, proxy.port), study_name=name, sampler="random", seed=0)
    for _ in range(3):
        one_trial(study)  # once everything is in its caches, each trial has the same number of replies
    before = proxy.replies
    one_trial(study)
    replies = proxy.replies - before
    done = 4
    for lost in range(1, replies + 1):
        proxy.drop(lost)
        assert one_trial(study) == done
        done += 1
    proxy.drop(None)
    assert replies >= 8
    stored = ts.load_study(storage=server.url(database), study_name=name)
    assert [t.number for t in stored.trials] == list(range(done))
    for trial in stored.trials:
        x = trial.params["x"]
        assert (trial.state, trial.value, trial.attempt) == (TrialState.COMPLETE, x, 1)
        assert (trial.reports, trial.user_attrs) == ({0: x}, {"note": trial.number})
    assert stored.storage.read_since(stored.study_id, 0).cursor == done
    seqs = [t.seq for t in stored.storage.trials(stored.study_id)]
    assert sorted(seqs) == list(range(1, done + 1))


def test_each_reply_to_a_new_study_may_be_lost(server: Server, database: str, proxy: Proxy) -> None:
    ts.create_study(storage=server.url(database), study_name="first")  # makes the tables
    url = server.url(database, proxy.port)
    before = proxy.replies
    storage = ts.storage.open_storage(url)
    storage.create_study("counted", ["minimize"], 0)
    replies = proxy.replies - before
    storage.close()
    for lost in range(1, replies + 1):
        proxy.drop(lost)
        storage = ts.storage.open_storage(url)
        record = storage.create_study(f"lost {lost}", ["minimize"], lost)
        assert storage.load_study(f"lost {lost}").id == record.id
        storage.close()
    with pytest.raises(ts.errors.DuplicatedStudyError):
        ts.create_study(storage=url, study_name="first")


def test_many_make_the_tables_at_the_same_time(server: Server, database: str) -> None:
    meet = threading.Barrier(8)

    def make(index: int) -> int:
        storage = ts.storage.open_storage(server.url(database))
        meet.wait(30)
        made = storage.create_study(f"study {index}", ["minimize"], 0).id
        storage.close()
        return made

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(make, range(8)))
    assert sorted(made) == list(range(1, 9))
    assert len(server.sql(database, "SELECT * FROM tunesmith_schema")) == 1


def test_each_reply_to_added_trials_may_be_lost(server: Server, database: str, proxy: Proxy) -> None:
    study = ts.create_study(storage=server.url(database, proxy.port), study_name="added")
    finished = ts.create_study(study_name="old", seed=0)
    finished.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    study.add_trials(finished.trials)
    study.enqueue_trial({"x": 0.0})
    before = proxy.replies
    study.add_trials(finished.trials)
    study.enqueue_trial({"x": 0.5})
    replies = proxy.replies - before
    for lost in range(1, replies + 1):
        proxy.drop(lost)
        study.add_trials(finished.trials)
        study.enqueue_trial({"x": 0.5})
    proxy.drop(None)
    stored = ts.load_study(storage=server.url(database), study_name="added").trials
    assert len(stored) == 4 * (replies + 2)
    assert [t.state is TrialState.WAITING for t in stored] == [False, False, False, True] * (replies + 2)


def test_each_reply_to_a_start_without_a_reservation_may_be_lost(server: Server, database: str, proxy: Proxy) -> None:
    storage = SQLStorage(server.url(database, proxy.port))
    study = storage.create_study("starts", ["minimize"], 0)
    begin(storage, study, token=1)
    before = proxy.replies
    begin(storage, study, token=2)
    replies = proxy.replies - before
    for lost in range(1, replies + 1):
        proxy.drop(lost)
        assert begin(storage, study, token=2 + lost) == 1 + lost
    proxy.drop(None)
    assert storage.count(study.id) == {TrialState.RUNNING: 2 + replies}
    storage.close()


@pytest.mark.parametrize("kind", ["report", "note"])
def test_a_write_whose_answer_was_lost_before_its_trial_was_released(
    server: Server, database: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It is refused and not there, or there and not refused, whichever reply was lost."""
    storage, other = SQLStorage(server.url(database, proxy.port)), SQLStorage(server.url(database))
    study = storage.create_study("writes", ["minimize"], 0)
    found = set()
    real, here = Retry.wait, threading.get_ident()
    for lost in range(1, 8):
        number = begin(storage, study, eager=True, token=lost)
        fence = Fence(1, lost)

        def release(retry: Retry, number: int = number, fence: Fence = fence) -> None:
            if threading.get_ident() == here:
                other.release(study.id, {number: fence})
            else:  # the heartbeat of an earlier test's storage, whose database is gone
                real(retry)

        monkeypatch.setattr(Retry, "wait", release)
        proxy.drop(lost)
        try:
            if kind == "report":
                storage.report(study.id, number, fence, 0, 1.0)
            else:
                storage.set_attr(study.id, number, "key", 1, fence=fence)
            refused = False
        except ts.AttemptReplacedError:
            refused = True
        proxy.drop(None)
        monkeypatch.undo()
        (trial,) = other.trials(study.id, [number])
        is_there = bool(trial.intermediate_values or trial.user_attrs)
        assert is_there is not refused
        found.add((refused, trial.attempt))
        storage.finish(study.id, ended(running_record(number, token=lost))) if trial.attempt == 1 else None
        for waiting in other.trials(study.id, states=[TrialState.WAITING]):
            claim = other.claim(study.id, "w", token=100 + lost)
            other.finish(study.id, ended(running_record(waiting.number, attempt=2, token=100 + lost)))
            assert claim.number == waiting.number
    # A report is one statement, which the server has carried out by the time that its reply is lost.
    assert found >= ({(False, 2)} if kind == "report" else {(True, 2), (False, 2)})
    storage.close()
    other.close()


def test_a_training_goes_on_while_the_server_is_away(
    server: Server, database: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reports and notes are kept, and stored with its end."""
    monkeypatch.setattr(sql_storage, "REPORT_WAITS", 0.1)
    study = ts.create_study(storage=server.url(database, proxy.port), study_name="trains", sampler="random", seed=0)

    def train(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.report(x, 0)
        proxy.down()
        for step in range(1, 100):
            trial.report(x, step)
        trial.set_user_attr("steps", 100)
        threading.Timer(1.0, proxy.up).start()
        return x

    with pytest.warns(UserWarning, match="are kept in this process until their trial ends"):
        study.optimize(train, n_trials=1)
    study.storage.close()
    (trial,) = ts.load_study(storage=server.url(database), study_name="trains").trials
    assert (len(trial.reports), trial.user_attrs, trial.attempt) == (100, {"steps": 100}, 1)


def test_drivers_whose_connections_are_cut_all_the_time(server: Server, database: str, proxy: Proxy) -> None:
    """Eight drivers: all go on, no number is missing and none is run twice."""
    url = server.url(database, proxy.port)
    ts.create_study(storage=url, study_name="cut")
    stop = threading.Event()

    def cut() -> None:
        while not stop.wait(0.2):
            proxy.cut()

    def drive(seed: int) -> None:
        study = ts.load_study(storage=url, study_name="cut", sampler="random")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=40)
        study.storage.close()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(drive, range(8)))
    finally:
        stop.set()
        cutter.join()
    stored = ts.load_study(storage=server.url(database), study_name="cut").trials
    assert [(t.number, t.state, t.attempt) for t in stored] == [(n, TrialState.COMPLETE, 1) for n in range(320)]


LIVE = """
import sys, time
import tunesmith as ts

study = ts.load_study(storage=sys.argv[1], study_name="live", sampler="random")
trials = [study.ask() for _ in range(8)]
for trial in trials:
    trial.suggest_float("x", 0, 1)
print("asked", flush=True)
sys.stdin.readline()
for trial in trials:
    study.tell(trial, trial.params["x"])
    print("told", trial.number, time.time(), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOTH)
def test_a_server_that_is_killed_and_away_under_live_trials(kind: str) -> None:
    """32 live trials of four processes: none is given to another, and all are recorded soon after its return."""
    server = SERVERS[kind]()
    server.start()
    workers: list[subprocess.Popen[str]] = []
    try:
        database = "postgres" if kind == "postgres" else "mysql"
        url = server.url(database)
        ts.create_study(storage=url, study_name="live").storage.close()
        for _ in range(4):
            workers.append(
                subprocess.Popen(
                    [sys.executable, "-c", LIVE, url],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment(),
                )
            )
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "asked\n"
        server.kill()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        time.sleep(OUTAGE)
        server.start()
        returned = time.time()
        lines = [line.split() for worker in workers for line in worker.communicate(timeout=120)[0].splitlines()]
        assert [worker.returncode for worker in workers] == [0] * 4
        told = {int(number): float(when) for _, number, when in lines}
        assert sorted(told) == list(range(32))
        assert max(told.values()) - returned <= 15.0
        stored = ts.load_study(storage=url, study_name="live")
        assert [(t.number, t.state, t.attempt) for t in stored.trials] == [
            (number, TrialState.COMPLETE, 1) for number in range(32)
        ]
        stored.storage.close()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        server.remove()


THOUSAND = """
import random, sys, threading, time
import tunesmith as ts

study = ts.load_study(storage=sys.argv[1], study_name="thousand", sampler="random")

def work(index):
    random.seed(index)
    time.sleep(3 * random.random())
    trial = study.ask()
    x = trial.suggest_float("x", 0, 1)
    time.sleep(2 * random.random())
    study.tell(trial, x)

threads = [threading.Thread(target=work, args=[index]) for index in range(250)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("through", ["directly", "pgbouncer"])
def test_a_thousand_workers_on_few_connections(
    postgres: PostgresServer, postgres_database: str, request: pytest.FixtureRequest, through: str
) -> None:
    """1,000 threads of four processes, on at most 90 connections of the server."""
    server: Server = postgres if through == "directly" else request.getfixturevalue("pgbouncer")
    url = server.url(postgres_database)
    ts.create_study(storage=url, study_name="thousand").storage.close()
    workers = [subprocess.Popen([sys.executable, "-c", THOUSAND, url], env=environment()) for _ in range(4)]
    count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{postgres_database}'"
    most = 0
    while any(worker.poll() is None for worker in workers):
        most = max(most, postgres.sql("postgres", count)[0][0])
        time.sleep(0.05)
    assert [worker.returncode for worker in workers] == [0] * 4
    assert 1 <= most <= 90
    stored = ts.load_study(storage=url, study_name="thousand").trials
    assert [(t.number, t.state, t.attempt) for t in stored] == [(n, TrialState.COMPLETE, 1) for n in range(1000)]
