"""`Database`: a connection for each thread, and transactions on it.

Our own, not SQLAlchemy's pool and sessions: to insert a trial takes 22 microseconds by SQLAlchemy's connection and 7 by
the driver's cursor (SQLite, figures of one machine); waiting for a lock needs pauses below SQLite's 1 to 100 ms; and a
fork or `close` has to close the connections of all threads.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import URL, create_engine, event  # noqa: TID253 - imported only when a database is named
from sqlalchemy.engine import Connection as SQLAlchemyConnection  # noqa: TID253 - as above
from sqlalchemy.pool import NullPool  # noqa: TID253 - as above

from tunesmith.errors import StorageError
from tunesmith.storage.sql.errors import explain, is_busy
from tunesmith.storage.sql.files import FileIdentity
from tunesmith.storage.sql.location import secrets_of
from tunesmith.storage.sql.retry import Retry
from tunesmith.storage.sql.session import Dialect, Session
from tunesmith.text import printable

T = TypeVar("T")


class Connection:
    """An open connection. Its thread holds the lock while it uses it, so that other threads can close it safely."""

    __slots__ = ("__weakref__", "driver", "lock", "pid", "session")

    def __init__(self, connection: Any, session: Session) -> None:
        self.driver = connection
        self.session = session
        self.lock = threading.RLock()
        self.pid = os.getpid()

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


class Database:
    """Runs transactions on one database.

    Args:
        url: where it is.
        where: its name in errors.
        timeout: how long to wait for other writers, in seconds.
    """

    def __init__(self, url: URL, where: str, timeout: float) -> None:
        self.url, self.where, self.timeout = url, where, timeout
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._secrets = secrets_of(url)
        self._file = FileIdentity(url, where)
        # Positional parameters, so that a statement's values are one list.
        engine = create_engine(url, paramstyle="qmark" if self.is_sqlite else "format")
        self._driver = cast(Any, engine.dialect)
        if self._driver.is_async:
            raise StorageError(f"{where}: the driver {url.drivername!r} is asynchronous; choose one that is not")
        self.dbapi = self._driver.dbapi
        self.dialect = Dialect(self._driver, where)
        self._errors: tuple[type[BaseException], ...] = (self.dbapi.Error, OverflowError, UnicodeError)
        self._begin_write = "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN"
        self._begin_read = "BEGIN"
        if url.get_backend_name() == "postgresql":
            self._begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        self._local = threading.local()
        self._gate = threading.Lock()  # held while a connection is opened
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        _databases.add(self)

    # -- transactions ------------------------------------------------------------------------------------------

    def read(self, work: Callable[[Session], T], *, snapshot: bool = False) -> T:
        """Return what `work` reads; with `snapshot` all of its statements see one state of the database."""
        return self._run(work, self._begin_read if snapshot else None)

    def write(self, work: Callable[[Session], T], *, recent: float = 0.0) -> T:
        """Return what `work` returns, when its changes are durable; if it raises, nothing is changed.

        `recent` is how old the last check that the file is still there may be, in seconds.
        """
        return self._run(work, self._begin_write, recent, writes=True)

    def _run(self, work: Callable[[Session], T], begin: str | None, recent: float = 0.0, *, writes: bool = False) -> T:
        """Run a transaction, again if the database was locked: one that reads as a whole, one that writes its begin."""
        retry: Retry | None = None
        while True:
            connection = self.connection()
            with connection.lock:
                if connection.driver is None:
                    continue
                session = connection.session
                changing = False
                if writes:
                    self._file.check(recent)
                try:
                    if begin is None:
                        return work(session)
                    session.cursor.execute(begin)
                    changing = writes
                    result = work(session)
                    self._commit(session)
                    return result
                except self._errors as error:
                    lost = self._roll_back(connection, error)
                    retry = retry or Retry(self.timeout)
                    if changing or not retry.goes_on(is_busy(error), lost):
                        self._fail(error)
                except BaseException:  # an interrupt too: no transaction may stay open
                    self._roll_back(connection)
                    raise
            retry.wait()

    def _commit(self, session: Session) -> None:
        try:
            session.cursor.execute("COMMIT")
        except self._errors as error:
            if not is_busy(error):
                raise
            # Without WAL (a file system that cannot do it), a commit waits for readers; the transaction stays open.
            retry = Retry(self.timeout)
            while True:
                retry.wait()
                try:
                    session.cursor.execute("COMMIT")
                    return
                except self._errors as again:
                    if not retry.goes_on(is_busy(again), False):
                        raise

    def _fail(self, error: BaseException) -> NoReturn:
        """Raise a StorageError that explains a driver's exception."""
        said = str(error)
        shown = self._secrets.hide(said)
        text = printable(" ".join(shown.split()))
        raise explain(error, text, self.where, self.timeout, self.dbapi) from (error if shown == said else None)

    def _roll_back(self, connection: Connection, error: BaseException | None = None) -> bool:
        """Roll the transaction back; return whether the connection to a server is lost."""
        lost = False
        if error is not None and not self.is_sqlite and isinstance(error, self.dbapi.Error):
            lost = bool(self._driver.is_disconnect(error, connection.driver, connection.session.cursor))
        if connection.driver is not None and not lost:
            try:
                if not self.is_sqlite or connection.driver.in_transaction:
                    connection.session.cursor.execute("ROLLBACK")
            except self._errors:
                lost = not self.is_sqlite
        if lost:
            self._drop(connection)
        return lost

    # -- connections -------------------------------------------------------------------------------------------

    def connection(self) -> Connection:
        """Return the connection of this thread; open one if there is none."""
        own: Connection | None = getattr(self._local, "connection", None)
        if own is None or own.driver is None or own.pid != os.getpid():
            with self._gate:
                driver = self._connect(autocommit=True)
                self._file.note()
                own = self._local.connection = Connection(driver, Session(self.dialect, driver.cursor()))
                self.connections.add(own)
        return own

    def _connect(self, autocommit: bool) -> Any:
        """Open a connection; others may hold a lock on the file while they turn its journal to WAL."""
        retry = Retry(self.timeout)
        while True:
            try:
                return self._open(autocommit)
            except self._errors as error:
                if not retry.goes_on(is_busy(error), False):
                    self._fail(error)
            except (TypeError, ValueError) as error:  # an option of the URL that the driver does not take
                self._fail(error)
            retry.wait()

    def _open(self, autocommit: bool) -> Any:
        args, named = self._driver.create_connect_args(self.url)
        if self.is_sqlite:
            # check_same_thread: close() and a fork close the connections of all threads, under their locks.
            # timeout: SQLite's own way of waiting sleeps up to 100 ms while the lock is free; see Retry.
            named = {**named, "check_same_thread": False, "timeout": 0.0, "isolation_level": None}
        connection = self._driver.connect(*args, **named)
        try:
            if self.is_sqlite:
                self._set_up_sqlite(connection)
            else:
                if self.url.get_backend_name() == "postgresql":
                    cursor = connection.cursor()
                    cursor.execute(f"SET lock_timeout = {int(self.timeout * 1000)}")
                    connection.commit()
                    _check_encoding(connection, self.where)
                if autocommit:
                    self._driver.set_isolation_level(connection, "AUTOCOMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up_sqlite(self, connection: Any) -> None:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal" and _is_ours(connection):
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except self.dbapi.OperationalError as error:
            # A file that may only be read is read as it is.
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
            mode = "delete"
        if mode == "wal":  # else the file system has no shared memory, and the older journal needs its default, FULL
            # NORMAL loses nothing when a process is killed; a power cut may take the last transactions.
            connection.execute("PRAGMA synchronous = NORMAL")
            # Rarer and larger than by default: each checkpoint waits for the disk, and the writers for it.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")

    def _drop(self, connection: Connection) -> None:
        with connection.lock:
            try:
                connection.close()
            except self._errors:
                connection.driver = None

    def close(self) -> None:
        """Close the connections of all threads, and forget which file they had open."""
        self.disconnect()
        self._file.forget()

    def disconnect(self) -> None:
        """Close the connections of all threads."""
        for connection in list(self.connections):
            self._drop(connection)
        self.connections.clear()

    @contextmanager
    def sqlalchemy(self) -> Iterator[SQLAlchemyConnection]:
        """Open a transaction as an SQLAlchemy connection, to create and upgrade tables."""
        with self._gate:  # no fork meanwhile
            raw = self._connect(autocommit=False)
            engine = create_engine(self.url, creator=lambda: raw, poolclass=NullPool)  # which closes it
            if self.is_sqlite:
                raw.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")

                @event.listens_for(engine, "begin")
                def begin(connection: SQLAlchemyConnection) -> None:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver would begin later, without a lock

            try:
                with engine.begin() as connection:
                    if self.url.get_backend_name() == "postgresql":
                        connection.exec_driver_sql(
                            "SELECT pg_advisory_xact_lock(7436278)"
                        )  # "one at a time" of our own
                    yield connection
            except Exception as error:
                cause = getattr(error, "orig", None) or error
                if isinstance(cause, self._errors):
                    self._fail(cause)
                raise
            finally:
                engine.dispose()


def _check_encoding(connection: Any, where: str) -> None:
    """Refuse a PostgreSQL database without an encoding, which returns texts as bytes."""
    status = getattr(getattr(connection, "info", None), "parameter_status", None)
    if status is not None and status("server_encoding") == "SQL_ASCII":
        raise StorageError(
            f"{where} has the encoding SQL_ASCII, which means none; make one with CREATE DATABASE name ENCODING 'UTF8' "
            "TEMPLATE template0"
        )


def _is_ours(connection: Any) -> bool:
    """Return whether an SQLite file is empty or has our tables; the journal of other files is left alone."""
    query = "SELECT count(*), count(*) FILTER (WHERE name LIKE 'tunesmith!_%' ESCAPE '!') FROM sqlite_master"
    every, ours = connection.execute(query).fetchone()
    return bool(every == 0 or ours > 0)


# A connection must not be used by two processes: SQLite's locks belong to one process, and a server would get the
# statements of both. So before a fork the connections of all threads are closed, and none is opened until it is over.
# Each process then opens its own when it needs one.
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_abandoned: list[Any] = []
_held: list[Any] = []


def _before_fork() -> None:
    for database in list(_databases):
        locks: list[Any] = [database._gate, *(connection.lock for connection in list(database.connections))]
        _held.extend(lock for lock in locks if lock.acquire(timeout=database.timeout))
        database.disconnect()


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
