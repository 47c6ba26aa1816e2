"""`Pool`: the open connections of one database in this process.

A thread has a connection for one transaction. So hundreds of threads need only a few of them; the one that was given
back last is taken first, and those of a server that nobody used for some seconds are closed.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tunesmith.storage.sql import watch
from tunesmith.storage.sql.session import ServerSession, Session

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
            watch.watch(self)

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
            if since and driver is not None and watch.silent_for(driver, since) > self.silence:
                self.silence *= 2  # perhaps it was only slow
                watch.cut(driver)
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


# A connection must not be used by two processes: SQLite's locks belong to one process, and a server would get the
# statements of both. So before a fork the connections of all threads are closed, and none is opened until it is over.
# Each process then opens its own when it needs one.
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_abandoned: list[Any] = []
_held: list[Any] = []
_FORK = 60.0  # seconds that a fork waits for a transaction to end


def _before_fork() -> None:
    watch.stop()
    for pool in list(_pools):
        locks: list[Any] = [pool.gate, *(connection.lock for connection in list(pool.connections))]
        _held.extend(lock for lock in locks if lock.acquire(timeout=_FORK))
        pool.close()


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
