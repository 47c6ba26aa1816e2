"""`Session`, a cursor inside one transaction, and `Pool`, the open connections of one database in this process.

SQLAlchemy reads the URL, writes the SQL of the dialect and loads the driver. The statements go to the driver's cursor:
SQLAlchemy's own execution takes 22 microseconds for an INSERT of a trial, the cursor 7.

A thread has a connection for one transaction. So hundreds of threads need only a few of them; the one that was given
back last is taken first, and those of a server that nobody used for some seconds are closed.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.sql.base import Executable  # noqa: TID253 - imported only when a database is named

from tunesmith.foundation.threads import watch

Row = tuple[Any, ...]
Values = float | int | str | bytes | None


class Dialect:
    """The SQL dialect of one database; it holds no connection."""

    def __init__(self, sqlalchemy_dialect: Any, where: str) -> None:
        self.where = where
        self.name: str = sqlalchemy_dialect.name
        self.loose = self.name == "sqlite"  # whether a column may hold values of any type
        self.returning = bool(sqlalchemy_dialect.update_returning)
        self.compiled: dict[Executable, tuple[str, tuple[str, ...]]] = {}
        self._dialect = sqlalchemy_dialect

    def compile(self, statement: Executable) -> tuple[str, tuple[str, ...]]:
        """Return the SQL of a statement and the names of its parameters in order."""
        found = self.compiled.get(statement)
        if found is None:
            compiled: Any = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]  # all ours have it
            found = self.compiled[statement] = (str(compiled), tuple(compiled.positiontup or ()))
        return found


class Session:
    """A cursor inside a transaction, and the dialect of its database.

    It has no reference to the database, so that a thread that keeps a session does not keep an unused database.

    Attributes:
        uncertain: whether the same work ran before, and may have been committed although the connection was lost.
    """

    __slots__ = ("_compiled", "cursor", "dialect", "uncertain")

    def __init__(self, dialect: Dialect, cursor: Any) -> None:
        self.dialect = dialect
        self.cursor = cursor
        self.uncertain = False
        self._compiled = dialect.compiled

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Say that an answer of the server is waited for."""
        yield

    def execute(self, text: str) -> None:
        """Run a statement that has no parameters, such as COMMIT."""
        self.cursor.execute(text)

    def query(self, text: str) -> list[Row]:
        """Return all rows of a query that has no parameters."""
        self.execute(text)
        rows: list[Row] = self.cursor.fetchall()
        return rows

    def _send(self, statement: Executable, values: dict[str, Values]) -> Any:
        text, order = self._compiled.get(statement) or self.dialect.compile(statement)
        return self.cursor.execute(text, list(map(values.__getitem__, order)))

    def rows(self, statement: Executable, **values: Values) -> list[Row]:
        """Return all rows of a query."""
        self._send(statement, values)
        rows: list[Row] = self.cursor.fetchall()
        return rows

    def row(self, statement: Executable, **values: Values) -> Row | None:
        """Return the first row of a query, or None."""
        self._send(statement, values)
        rows: list[Row] = self.cursor.fetchall()
        return rows[0] if rows else None

    def chunks(self, statement: Executable, size: int, **values: Values) -> Iterator[list[Row]]:
        """Return the rows of a query, `size` at a time."""
        self._send(statement, values)
        while rows := self.cursor.fetchmany(size):
            yield rows

    def run(self, statement: Executable, **values: Values) -> int:
        """Run a statement that changes rows; return how many."""
        self._send(statement, values)
        return int(self.cursor.rowcount)

    def many(self, statement: Executable, values: Sequence[dict[str, Values]]) -> None:
        """Run a statement once for each set of values."""
        if not values:
            return
        text, order = self._compiled.get(statement) or self.dialect.compile(statement)
        self.cursor.executemany(text, [[each[name] for name in order] for each in values])


class ServerSession(Session):
    """A session that says since when it waits for an answer of the server, so that a silent one is noticed.

    Attributes:
        waiting: when the statement was sent, by the monotonic clock; 0.0: none is waited for.
    """

    __slots__ = ("waiting",)

    def __init__(self, dialect: Dialect, cursor: Any) -> None:
        super().__init__(dialect, cursor)
        self.waiting = 0.0

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        self.waiting = time.monotonic()
        try:
            yield
        finally:
            self.waiting = 0.0

    def execute(self, text: str) -> None:
        self.waiting = time.monotonic()
        try:
            self.cursor.execute(text)
        finally:
            self.waiting = 0.0

    def _send(self, statement: Executable, values: dict[str, Values]) -> Any:
        self.waiting = time.monotonic()
        try:
            return super()._send(statement, values)
        finally:
            self.waiting = 0.0

    def many(self, statement: Executable, values: Sequence[dict[str, Values]]) -> None:
        with self.waited_for():
            super().many(statement, values)


MOST = 4  # connections of one process to a server: each of 22 processes has its share of the usual 100
IDLE = 3.0  # seconds after which one to a server is closed; a new one takes milliseconds
KEPT = 32  # idle ones to a file
SILENCE = 20.0  # seconds that a server may send nothing; twice as long after each time that this was too short


class Connection:
    """An open connection. Its thread holds the lock while it uses it, so that other threads can close it safely."""

    __slots__ = ("__weakref__", "driver", "end", "execute", "lock", "pid", "session", "used")

    def __init__(self, connection: Any, session: Session) -> None:
        self.driver = connection
        self.session = session
        # Of a file, nobody has to know since when an answer is waited for.
        self.execute: Callable[[str], Any] = (
            session.execute if isinstance(session, ServerSession) else session.cursor.execute
        )
        self.lock = threading.RLock()
        self.pid = os.getpid()
        self.end = ""  # a statement that ends its session from another one
        self.used = 0.0  # when it was given back, by the monotonic clock

    def close(self) -> None:
        """Close it, unless it belongs to another process."""
        connection, self.driver = self.driver, None
        if connection is None:
            return
        if self.pid == os.getpid():
            connection.close()
        else:  # inherited by a fork that our hook did not see: closing would end the parent's connection
            _abandoned.append(connection)

    def __del__(self) -> None:
        with suppress(Exception):  # at the end of the interpreter anything may be gone already
            self.close()


class Pool:
    """Lends connections.

    Args:
        most: how many there may be at a time; None: any number.
        watched: whether idle ones are closed, and silent ones cut: those to a server.

    Attributes:
        connections: all that are open.
        idle: those that nobody uses; the last one was given back last.
    """

    def __init__(self, most: int | None, watched: bool) -> None:
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.silence = SILENCE
        self._most = most
        self._watched = watched
        self.idle: deque[Connection] = deque()
        self.gate = threading.RLock()  # held while a connection is opened
        self._returned = threading.Condition()
        self._waiting = 0
        _pools.add(self)

    def take(self, connect: Callable[[], Connection]) -> Connection:
        """Return a connection that nobody uses; open one if there is none and there may be one more."""
        while True:
            try:
                connection = self.idle.pop()
            except IndexError:
                found = self._open(connect)
                if found is not None:
                    return found
                self._wait()
                continue
            if connection.driver is not None and connection.pid == os.getpid():
                return connection

    def give(self, connection: Connection) -> None:
        """Take a connection back."""
        if connection.driver is None:
            self.connections.discard(connection)
        elif not self._watched and len(self.idle) >= KEPT:
            self.drop(connection)
        else:
            if self._watched:
                connection.used = time.monotonic()
            self.idle.append(connection)
        if self._waiting:
            with self._returned:
                self._returned.notify()

    def _open(self, connect: Callable[[], Connection]) -> Connection | None:
        with self.gate:
            if self._most is not None and len(self.connections) >= self._most:
                return None
            return connect()

    def add(self, connection: Connection) -> None:
        """Count a connection that was opened, and look after it from now on."""
        self.connections.add(connection)
        if self._watched:
            _watch(self)

    def _wait(self) -> None:
        with self._returned:
            self._waiting += 1
            try:
                if not self.idle:
                    self._returned.wait(0.1)  # one may also be lost, by an interrupt in a bad moment
            finally:
                self._waiting -= 1

    def look_after(self) -> bool:
        """Close idle connections, cut silent ones; return whether there are connections left."""
        while self.idle:
            try:
                connection = self.idle.popleft()  # the one that is idle for longest
            except IndexError:
                break
            if time.monotonic() - connection.used < IDLE:
                self.idle.appendleft(connection)
                break
            self.drop(connection)
        for connection in list(self.connections):
            session, driver = connection.session, connection.driver
            since = session.waiting if isinstance(session, ServerSession) else 0.0
            if since and driver is not None and _silent_for(driver, since) > self.silence:
                self.silence *= 2  # perhaps it was only slow
                _cut(driver)
        return bool(self.connections)

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        with connection.lock:
            with suppress(Exception):  # that of a server which is gone
                connection.close()
            connection.driver = None
            self.connections.discard(connection)

    def drop_idle(self) -> None:
        """Close the connections that nobody uses."""
        with suppress(IndexError):
            while True:
                self.drop(self.idle.pop())

    def close(self) -> None:
        """Close all connections, those in use when their transactions end."""
        self.idle.clear()
        for connection in list(self.connections):
            self.drop(connection)


# -- what looks after connections to servers -------------------------------------------------------------------
#
# One thread a process closes idle connections, and cuts those on which the server is silent. A driver that waits for an
# answer waits for good where packets are dropped without a word, or where something between (a proxy, a load balancer)
# takes them and sends nothing on. The thread is there while there are such connections.

ROUND = 0.5  # seconds between two looks
_LAST_DATA = 52  # where Linux's struct tcp_info has the milliseconds since the last data came in
_watched: weakref.WeakSet[Pool] = weakref.WeakSet()
_lock = threading.Lock()
_thread: threading.Thread | None = None
_stop = threading.Event()


def _watch(pool: Pool) -> None:
    """Look after the connections of a pool from now on."""
    global _thread
    with _lock:
        _watched.add(pool)
        if _thread is None or not _thread.is_alive():
            _stop.clear()
            _thread = watch(_look_after_all, "tunesmith-connections", "a server that is silent is waited for")


def _stop_watching() -> None:
    """End the thread, before a fork: a process with threads should not be forked. `_watch` starts it again."""
    global _thread
    with _lock:
        thread, _thread = _thread, None
        _stop.set()
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout=5.0)


def _look_after_all() -> None:
    global _thread
    while not _stop.wait(ROUND):
        if sum(pool.look_after() for pool in list(_watched)):  # each of them has its turn
            continue
        with _lock:
            if _thread is threading.current_thread() and not any(pool.connections for pool in list(_watched)):
                _thread = None
                return


def _silent_for(driver: Any, since: float) -> float:
    """Return for how long a server has sent nothing.

    Args:
        driver: the driver's connection.
        since: when the statement was sent that has no answer yet, by the monotonic clock.

    Returns:
        seconds; 0.0 on a UNIX socket, where there is no network.
    """
    waited = time.monotonic() - since
    try:
        with socket.socket(fileno=os.dup(driver.fileno())) as copy:
            if copy.family not in (socket.AF_INET, socket.AF_INET6):
                return 0.0
            if not hasattr(socket, "TCP_INFO"):
                return waited
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA + 4)
            # A long answer that keeps coming in is none of the silent ones.
            return float(min(waited, struct.unpack_from("I", info, _LAST_DATA)[0] / 1000))
    except (AttributeError, OSError, struct.error):
        return 0.0  # a driver with time limits of its own
    except Exception:  # a driver's error: the connection is closed
        return 0.0


def _cut(driver: Any) -> None:
    """End a connection under the thread that waits for it: its driver then raises."""
    with suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


# -- forks ----------------------------------------------------------------------------------------------------
#
# A connection must not be used by two processes: SQLite's locks belong to one process, and a server would get the
# statements of both. So before a fork the connections of all threads are closed, and none is opened until it is over.
# Each process then opens its own when it needs one.
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_abandoned: list[Any] = []
_held: list[Any] = []
_FORK = 60.0  # seconds that a fork waits for a transaction to end


def _before_fork() -> None:
    _stop_watching()
    for pool in list(_pools):
        locks: list[Any] = [pool.gate, *(connection.lock for connection in list(pool.connections))]
        _held.extend(lock for lock in locks if lock.acquire(timeout=_FORK))
        pool.close()


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
