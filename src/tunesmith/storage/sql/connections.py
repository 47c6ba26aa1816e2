"""`Session`, an open connection with its cursor, and `Pool`, those of one database in this process.

SQLAlchemy reads the URL, writes the SQL of the dialect and loads the driver. The statements go to the driver's cursor,
on connections of our own pool: `engine.py` says what SQLAlchemy's execution and pool would cost.

A thread has a connection for one transaction. So hundreds of threads need only a few of them; the one that was given
back last is taken first, and those of a server that nobody used for some seconds are closed.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
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
    """An open connection and its cursor, inside a transaction.

    Its thread holds the lock while it uses it, so that other threads can close it safely. It has no reference to the
    database, so that a thread that keeps a session does not keep an unused database.

    Attributes:
        driver: the driver's connection; None: it was closed.
        execute: runs a statement that has no parameters, such as COMMIT.
        uncertain: whether the same work ran before, and may have been committed although the connection was lost.
        end: a statement that ends this session from another one; "": there is none.
        used: when it was given back, by the monotonic clock.
    """

    __slots__ = (
        "__weakref__", "_compiled", "cursor", "dialect", "driver", "end", "execute", "lock", "pid", "uncertain", "used",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, driver: Any) -> None:
        self.dialect, self.driver = dialect, driver
        self.cursor = driver.cursor()
        self.execute: Callable[[str], Any] = self.cursor.execute
        self.uncertain = False
        self.lock = threading.RLock()
        self.pid = os.getpid()
        self.end = ""
        self.used = 0.0
        self._compiled = dialect.compiled

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
        if values:
            text, order = self._compiled.get(statement) or self.dialect.compile(statement)
            self.cursor.executemany(text, [[each[name] for name in order] for each in values])

    def close(self) -> None:
        """Close the connection, unless it belongs to another process."""
        driver, self.driver = self.driver, None
        if driver is None:
            return
        if self.pid == os.getpid():
            driver.close()
        else:  # inherited by a fork that our hook did not see: closing would end the parent's connection
            _abandoned.append(driver)

    def __del__(self) -> None:
        with suppress(Exception):  # at the end of the interpreter anything may be gone already
            self.close()


SERVER_CONNECTIONS = 4  # of one process to a server: each of 22 processes has its share of the usual 100
IDLE_SECONDS = 3.0  # after which one to a server is closed; a new one takes milliseconds
IDLE_ROUND = 0.5  # seconds between two looks for idle ones
FILE_CONNECTIONS_KEPT = 32  # idle ones to a file


class Pool:
    """Lends connections.

    Args:
        is_file: whether they are to a file, so that there may be any number of them, and idle ones stay open.

    Attributes:
        connections: all that are open.
        idle: those that nobody uses; the last one was given back last.
        gate: held while a connection is opened.
    """

    def __init__(self, is_file: bool) -> None:
        self.connections: weakref.WeakSet[Session] = weakref.WeakSet()
        self.idle: deque[Session] = deque()
        self.gate = threading.RLock()
        self._is_file = is_file
        self._returned = threading.Condition()
        _pools.add(self)

    def take(self, connect: Callable[[], Session]) -> Session:
        """Return a connection that nobody uses; open one if there is none and there may be one more."""
        while True:
            with suppress(IndexError):
                while (connection := self.idle.pop()).driver is None or connection.pid != os.getpid():
                    pass
                return connection
            with self.gate:
                if self._is_file or len(self.connections) < SERVER_CONNECTIONS:
                    return connect()
            with self._returned:
                if not self.idle:
                    self._returned.wait(0.1)  # one may also be lost, by an interrupt in a bad moment

    def give(self, connection: Session) -> None:
        """Take a connection back."""
        if connection.driver is None:
            self.connections.discard(connection)
        elif self._is_file and len(self.idle) >= FILE_CONNECTIONS_KEPT:
            self.drop(connection)
        else:
            connection.used = time.monotonic()
            self.idle.append(connection)
        if not self._is_file:
            with self._returned:
                self._returned.notify()

    def add(self, connection: Session) -> None:
        """Count a connection that was opened, and look after it from now on."""
        self.connections.add(connection)
        if not self._is_file:
            _look_after()

    def close_idle(self) -> bool:
        """Close connections to a server that nobody uses; return whether there are others left."""
        while self.idle and not self._is_file:
            try:
                connection = self.idle.popleft()  # the one that is idle for longest
            except IndexError:
                break
            if time.monotonic() - connection.used < IDLE_SECONDS:
                self.idle.appendleft(connection)
                break
            self.drop(connection)
        return bool(self.connections) and not self._is_file

    def drop(self, connection: Session) -> None:
        """Close a connection."""
        with connection.lock:
            with suppress(Exception):  # that of a server which is gone
                connection.close()
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


# -- one thread a process closes idle connections to servers; it is there while there are such connections -----------

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_lock = threading.Lock()
_thread: threading.Thread | None = None
_stop = threading.Event()


def _look_after() -> None:
    """Start the thread if there is none."""
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _stop.clear()
            _thread = watch(_close_idle_ones, "tunesmith-connections", "idle connections to servers stay open")


def _close_idle_ones() -> None:
    global _thread
    while not _stop.wait(IDLE_ROUND):
        if sum(pool.close_idle() for pool in list(_pools)):  # each of them has its turn
            continue
        with _lock:
            if _thread is threading.current_thread() and not any(pool.close_idle() for pool in list(_pools)):
                _thread = None
                return


# -- forks ----------------------------------------------------------------------------------------------------
#
# A connection must not be used by two processes: SQLite's locks belong to one process, and a server would get the
# statements of both. So before a fork the connections of all threads are closed, and none is opened until it is over.
# Each process then opens its own when it needs one. The thread ends too: a process with threads should not be forked.
_abandoned: list[Any] = []
_held: list[Any] = []
FORK_WAITS = 60.0  # seconds that a fork waits for a transaction to end


def _before_fork() -> None:
    global _thread
    with _lock:
        thread, _thread = _thread, None
        _stop.set()
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout=5.0)
    for pool in list(_pools):
        locks: list[Any] = [pool.gate, *(connection.lock for connection in list(pool.connections))]
        _held.extend(lock for lock in locks if lock.acquire(timeout=FORK_WAITS))
        pool.close()


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
