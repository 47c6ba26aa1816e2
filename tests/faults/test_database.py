"""Transactions on a server survive what networks and servers do; each case counts what was stored."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from tests.servers.postgres import PgBouncer, PostgresServer
from tests.servers.proxy import Proxy
from tests.servers.server import Server

from tunesmith.errors import StorageError, StorageUnavailableError
from tunesmith.storage.sql import backends, connections, engine
from tunesmith.storage.sql.connections import Session
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.location import read_spec

_TABLE = sa.Table("counts", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
_ID: sa.BindParameter[int] = sa.bindparam("at")
READ = sa.select(_TABLE.c.n).where(_TABLE.c.id == _ID)
ADD = sa.update(_TABLE).where(_TABLE.c.id == _ID).values(n=_TABLE.c.n + sa.literal_column("1"))
SET = sa.update(_TABLE).where(_TABLE.c.id == _ID).values(n=sa.bindparam("to"))


def opened(url: str, timeout: float = 30.0) -> Database:
    return Database(*read_spec(url), timeout)


@pytest.fixture(
    params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("postgres", "mariadb")],
    ids=["postgres", "mariadb"],
)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def database(request: pytest.FixtureRequest, server: Server) -> str:
    """The name of a database with two counters, at zero."""
    name: str = request.getfixturevalue("postgres_database" if server.name == "PostgreSQL" else "mariadb_database")
    server.sql(
        name, "CREATE TABLE counts (id integer PRIMARY KEY, n integer)", "INSERT INTO counts VALUES (1, 0), (2, 0)"
    )
    return name


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with server.proxy() as proxy:
        yield proxy


def counted(server: Server, database: str, at: int = 1) -> int:
    return int(server.sql(database, f"SELECT n FROM counts WHERE id = {at}")[0][0])


def reached(to: int) -> Callable[[Session], int]:
    """A change that can be made twice."""

    def work(session: Session) -> int:
        session.run(SET, at=1, to=to)
        return to

    return work


def test_each_reply_of_a_change_may_be_lost(server: Server, database: str, proxy: Proxy) -> None:
    """To BEGIN, to the statement, to COMMIT, or while a connection is opened: the change is there, and no error."""
    db = opened(server.url(database, proxy.port))
    assert db.write(reached(1)) == 1
    before = proxy.replies
    db.write(reached(2))
    once = proxy.replies - before
    assert once == 3, "a round trip for BEGIN, each statement, and COMMIT"
    for turn in range(3, 12):
        proxy.drop(1 + turn % (once + 3))
        if turn % 2:
            db.close()  # so that it connects first
        assert db.write(reached(turn)) == turn
        assert counted(server, database) == turn
    db.close()


def test_a_work_knows_that_it_may_have_been_done(server: Server, database: str, proxy: Proxy) -> None:
    """The one that must not be done twice looks first, when the answer to a COMMIT may have been lost."""
    db = opened(server.url(database, proxy.port))
    looked = []

    def add(session: Session) -> None:
        found = session.rows(READ, at=1)[0][0]
        if session.uncertain:
            looked.append(found)
        if not session.uncertain or found == done:
            session.run(ADD, at=1)

    for done, lost in enumerate((None, 1, 2, 3, 4)):  # the replies to BEGIN, to the two statements, and to COMMIT
        proxy.drop(lost)
        db.write(add)
        assert counted(server, database) == done + 1
    assert looked == [1, 2, 3, 5]
    db.close()


def test_cut_connections_are_opened_again(server: Server, database: str, proxy: Proxy) -> None:
    db = opened(server.url(database, proxy.port))
    db.write(reached(1))
    since = db.connected_since
    time.sleep(0.01)
    db.write(reached(2))
    assert db.connected_since == since
    for turn in range(3, 23):
        assert proxy.cut() == 1
        assert db.write(reached(turn)) == turn
        assert db.connected_since > since
        since = db.connected_since
    assert counted(server, database) == 22
    db.close()


def test_a_server_that_is_away_for_a_moment(server: Server, database: str, proxy: Proxy) -> None:
    db = opened(server.url(database, proxy.port))
    db.write(reached(1))
    proxy.down()
    assert db.connected_since <= time.monotonic()
    timer = threading.Timer(1.0, proxy.up)
    timer.start()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda turn: db.write(reached(turn)), range(8))) == list(range(8))
    timer.join()
    db.close()


def test_patience_has_an_end(server: Server, database: str, proxy: Proxy) -> None:
    db = opened(server.url(database, proxy.port))
    db.write(reached(1))
    proxy.down()
    with pytest.raises(StorageUnavailableError, match=r"(?i)refused"):
        db.write(reached(2), patience=0.2)
    proxy.up()
    assert db.write(reached(3)) == 3
    db.close()


def test_an_outage_is_noticed_without_an_open_connection(server: Server, database: str, proxy: Proxy) -> None:
    """Whoever looks for dead workers must know that they could give no sign of life."""
    db = opened(server.url(database, proxy.port))
    db.write(reached(1))
    assert db.connected_since == -math.inf, "it was never away"
    db.close()
    proxy.down()
    with pytest.raises(StorageUnavailableError):
        db.write(reached(2), patience=0.1)
    proxy.up()
    before = time.monotonic()
    db.write(reached(2))
    assert db.connected_since >= before
    db.close()


def test_a_server_that_was_never_there_is_told_at_once(server: Server, database: str, proxy: Proxy) -> None:
    db = opened(server.url(database, proxy.port))
    proxy.down()
    with pytest.raises(StorageUnavailableError, match=r"(?i)refused"):
        db.write(reached(2))


def test_deadlocks_are_run_again(server: Server, database: str) -> None:
    db = opened(server.url(database))
    meet = threading.Barrier(2)
    runs = []

    def change(first: int) -> None:
        def work(session: Session) -> None:
            runs.append(first)
            session.run(ADD, at=first)
            if len(runs) <= 2:
                meet.wait(30)
            session.run(ADD, at=3 - first)

        db.write(work)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(change, (1, 2)))
    assert len(runs) > 2, "one of them was rolled back"
    assert (counted(server, database, 1), counted(server, database, 2)) == (2, 2)
    db.close()


@pytest.mark.slow
def test_a_lock_of_one_that_fell_silent(server: Server, database: str, proxy: Proxy) -> None:
    """The server gives the lock to others within ten seconds, and the first runs again when it is back."""
    gone = opened(server.url(database, proxy.port))
    holds, back = threading.Event(), threading.Event()

    def work(session: Session) -> None:
        session.run(ADD, at=1)
        if not holds.is_set():
            proxy.silence()
            holds.set()
            back.wait(60)

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(gone.write, work)
        assert holds.wait(30)
        other = opened(server.url(database))
        started = time.monotonic()
        other.write(lambda session: session.run(ADD, at=1))
        assert time.monotonic() - started < 10.0
        proxy.speak()
        proxy.cut()
        back.set()
        first.result(60)
    assert counted(server, database) == 2
    gone.close()
    other.close()


def test_a_silent_network(server: Server, database: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that takes all and answers nothing is given up, though the kernel sees nothing wrong."""
    monkeypatch.setattr(backends, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(backends, "CONNECT_LIMIT", 2)
    db = opened(server.url(database, proxy.port))
    db.write(reached(1))
    proxy.silence()
    timer = threading.Timer(3.0, proxy.speak)
    timer.start()
    assert db.write(reached(2)) == 2
    timer.join()
    assert counted(server, database) == 2
    db.close()


def test_many_threads_use_few_connections(server: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.2)
    db = opened(server.url(database))
    most = []

    def change(_: int) -> None:
        for _ in range(3):
            db.write(lambda session: session.run(ADD, at=1))
            most.append(len(db.connections))

    with ThreadPoolExecutor(100) as threads:
        list(threads.map(change, range(100)))
    assert counted(server, database) == 300
    assert max(most) <= connections.SERVER_CONNECTIONS
    end = time.monotonic() + 30
    while len(db.connections) and time.monotonic() < end:
        time.sleep(0.05)
    assert not len(db.connections), "nobody needs them"
    assert db.connected_since < time.monotonic() - 0.2, "a connection that was closed on purpose is no loss"
    db.write(lambda session: session.run(ADD, at=1))
    db.close()


def test_the_uptime_of_a_server(server: Server, database: str) -> None:
    db = opened(server.url(database))
    first = db.uptime()
    assert 0 < first < 86_400
    time.sleep(0.01)
    assert first <= db.uptime() < first + 60
    db.close()


def test_an_interrupt_leaves_nothing_open(server: Server, database: str) -> None:
    db = opened(server.url(database))

    def work(session: Session) -> None:
        session.run(ADD, at=1)
        raise KeyboardInterrupt

    for _ in range(2 * connections.SERVER_CONNECTIONS):
        with pytest.raises(KeyboardInterrupt):
            db.write(work)
    db.write(lambda session: session.run(ADD, at=1))
    assert len(db.connections) == 1
    assert counted(server, database) == 1
    db.close()


FORK = """
import os, sys, threading, warnings
from tests.faults.test_database import ADD, opened

warnings.simplefilter("error")  # Python warns if a process with threads of ours is forked
db = opened(sys.argv[1])
add = lambda: db.write(lambda session: session.run(ADD, at=1))
for _ in range(5):
    add()
    child = os.fork()
    if child == 0:
        for _ in range(3):
            add()
        os._exit(0)
    add()
    assert os.waitpid(child, 0)[1] == 0
threads = [threading.Thread(target=lambda: [add() for _ in range(20)]) for _ in range(4)]
for thread in threads:
    thread.start()
warnings.simplefilter("ignore")  # now it is so indeed
for _ in range(5):
    child = os.fork()
    if child == 0:
        add()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
for thread in threads:
    thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_shares_no_connection(server: Server, database: str) -> None:
    command = [sys.executable, "-c", FORK, server.url(database)]
    path = os.pathsep.join([os.getcwd(), *filter(None, sys.path)])
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "PYTHONPATH": path})
    assert counted(server, database) == 5 * 5 + 4 * 20 + 5


def test_a_driver_of_another_kind_is_told_what_is_wrong(server: Server, database: str) -> None:
    db = opened(server.url(database))
    with pytest.raises(StorageError, match="cannot be used"):
        db.write(lambda session: session.execute("SELECT nonsense"))
    assert db.write(reached(1)) == 1
    db.close()


# -- PostgreSQL, and PgBouncer in transaction mode -----------------------------------------------------------------


@pytest.fixture
def counts(postgres: PostgresServer, postgres_database: str) -> str:
    postgres.sql(
        postgres_database, "CREATE TABLE counts (id integer PRIMARY KEY, n integer)", "INSERT INTO counts VALUES (1, 0)"
    )
    return postgres_database


def settings(db: Database) -> Any:
    names = ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")

    def work(session: Session) -> list[str]:
        session.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        return list(session.cursor.fetchone())

    return work


@pytest.mark.postgres
def test_a_pool_between_us_and_the_server(pgbouncer: PgBouncer, postgres: PostgresServer, counts: str) -> None:
    """No time limit is lost, none leaks to others, and no statement is looked for in another session."""
    db = opened(pgbouncer.url(counts))
    inside = db.write(settings(db))
    assert inside == ["10s", "5s", "on"]
    assert db.write(settings(db), durable=False)[2] == "off"
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: db.write(lambda session: session.run(ADD, at=1)), range(200)))
        found = set(threads.map(lambda _: tuple(db.read(settings(db))), range(50)))
    assert counted(postgres, counts) == 200
    assert found == {("0", "0", "on")}, "what a transaction sets ends with it"
    assert {connection.driver.prepare_threshold for connection in db.connections} == {None}
    db.close()


@pytest.mark.postgres
def test_statements_are_prepared_without_a_pool(postgres: PostgresServer, counts: str) -> None:
    db = opened(postgres.url(counts))
    db.write(reached(1))
    assert {connection.driver.prepare_threshold for connection in db.connections} == {5}
    db.close()


@pytest.mark.postgres
def test_a_server_that_takes_no_more_connections(postgres: PostgresServer, counts: str) -> None:
    with postgres.admin() as admin:
        admin.execute(b"CREATE ROLE few LOGIN CONNECTION LIMIT 1")
        try:
            with postgres.admin(counts) as owner:
                owner.execute("GRANT ALL ON counts TO few")
            url = postgres.url(counts).replace("tunesmith@", "few@")
            first, second = opened(url), opened(url, timeout=0.3)
            first.write(reached(1))
            with pytest.raises(StorageUnavailableError, match="too many connections"):
                second.write(reached(2))
            second = opened(url)
            timer = threading.Timer(0.5, first.close)
            timer.start()
            assert second.write(reached(2)) == 2
            timer.join()
            second.close()
        finally:
            with postgres.admin(counts) as owner:
                owner.execute("DROP OWNED BY few")
            admin.execute("DROP ROLE few")


def test_patience_outlasts_a_restart() -> None:
    assert engine.SERVER_PATIENCE >= 60, "a server that is restarted, or fails over to another, takes about a minute"
