"""One database: a connection for each thread, and transactions on it."""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import URL, create_engine, event  # noqa: TID253 - imported only when a database is named
from sqlalchemy.engine import Connection  # noqa: TID253 - as above
from sqlalchemy.pool import NullPool  # noqa: TID253 - as above

from tunesmith.errors import StorageError
from tunesmith.storage.sql.errors import explain, is_busy
from tunesmith.storage.sql.files import FileIdentity
from tunesmith.storage.sql.location import secrets_of
from tunesmith.storage.sql.session import Dialect, Session
from tunesmith.text import printable

T = TypeVar("T")


class _Link:
    """An open connection. Its thread holds the lock while it uses it; whoever closes it from outside waits for that."""

    __slots__ = ("__weakref__", "connection", "lock", "pid", "session")

    def __init__(self, connection: Any, session: Session) -> None:
        self.connection = connection
        self.session = session
        self.lock = threading.RLock()
        self.pid = os.getpid()

    def close(self) -> None:
        connection, self.connection = self.connection, None
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
        where: what to call it in errors.
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
        self._links: weakref.WeakSet[_Link] = weakref.WeakSet()
        _databases.add(self)

    # -- transactions ------------------------------------------------------------------------------------------

    def read(self, work: Callable[[Session], T], *, snapshot: bool = False) -> T:
        """Return what `work` returns; it is called again if another program was in the way.

        Args:
            work: reads, and changes nothing.
            snapshot: several statements have to see one state of the database.
        """
        patience: _Patience | None = None
        while True:
            link = self._link()
            with link.lock:
                if link.connection is None:
                    continue
                try:
                    if not snapshot:
                        return work(link.session)
                    link.session.cursor.execute(self._begin_read)
                    result = work(link.session)
                    link.session.cursor.execute("COMMIT")
                    return result
                except self._errors as error:
                    lost = self._roll_back(link, error)
                    patience = patience or _Patience(self.timeout)
                    if not patience.goes_on(is_busy(error), lost):
                        self._fail(error)
                except BaseException:
                    self._roll_back(link)
                    raise
            patience.wait()

    def write(self, work: Callable[[Session], T], *, recent: float = 0.0) -> T:
        """Return what `work` returns, once all that it changed is durable; if it raises, nothing is changed.

        Args:
            work: reads and changes.
            recent: seconds for which an earlier look at whether the file is still there will do.
        """
        patience: _Patience | None = None
        while True:
            link = self._link()
            with link.lock:
                if link.connection is None:
                    continue
                session = link.session
                begun = False
                self._file.check(recent)
                try:
                    session.cursor.execute(self._begin_write)
                    begun = True
                    result = work(session)
                    self._commit(session)
                    return result
                except self._errors as error:
                    lost = self._roll_back(link, error)
                    patience = patience or _Patience(self.timeout)
                    if begun or not patience.goes_on(is_busy(error), lost):
                        self._fail(error)
                except BaseException:  # an interrupt as well: the next transaction must find none open
                    self._roll_back(link)
                    raise
            patience.wait()

    def _commit(self, session: Session) -> None:
        try:
            session.cursor.execute("COMMIT")
        except self._errors as error:
            if not is_busy(error):
                raise
            # Without WAL (a file system that cannot do it), a commit waits for readers; the transaction stays open.
            patience = _Patience(self.timeout)
            while True:
                patience.wait()
                try:
                    session.cursor.execute("COMMIT")
                    return
                except self._errors as again:
                    if not patience.goes_on(is_busy(again), False):
                        raise

    def _fail(self, error: BaseException) -> NoReturn:
        """Raise what a user can understand in place of a driver's exception."""
        said = str(error)
        shown = self._secrets.hide(said)
        text = printable(" ".join(shown.split()))
        raise explain(error, text, self.where, self.timeout, self.dbapi) from (error if shown == said else None)

    def _roll_back(self, link: _Link, error: BaseException | None = None) -> bool:
        """Leave the transaction; return whether the connection to a server turned out to be lost."""
        lost = False
        if error is not None and not self.is_sqlite and isinstance(error, self.dbapi.Error):
            lost = bool(self._driver.is_disconnect(error, link.connection, link.session.cursor))
        if link.connection is not None and not lost:
            try:
                if not self.is_sqlite or link.connection.in_transaction:
                    link.session.cursor.execute("ROLLBACK")
            except self._errors:
                lost = not self.is_sqlite
        if lost:
            self._drop(link)
        return lost

    # -- connections -------------------------------------------------------------------------------------------

    def _link(self) -> _Link:
        link: _Link | None = getattr(self._local, "link", None)
        if link is None or link.connection is None or link.pid != os.getpid():
            with self._gate:
                connection = self._connect(autocommit=True)
                self._file.note()
                link = self._local.link = _Link(connection, Session(self.dialect, connection.cursor()))
                self._links.add(link)
        return link

    def _connect(self, autocommit: bool) -> Any:
        """Open a connection; others may be about to turn the file's journal to WAL, and lock it for that."""
        patience = _Patience(self.timeout)
        while True:
            try:
                return self._open(autocommit)
            except self._errors as error:
                if not patience.goes_on(is_busy(error), False):
                    self._fail(error)
            except (TypeError, ValueError) as error:  # an option of the URL that the driver does not take
                self._fail(error)
            patience.wait()

    def _open(self, autocommit: bool) -> Any:
        args, named = self._driver.create_connect_args(self.url)
        if self.is_sqlite:
            # check_same_thread: close() and a fork close the connections of all threads, under their locks.
            # timeout: SQLite's own way of waiting sleeps up to 100 ms while the lock is free; see _Patience.
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

    def _drop(self, link: _Link) -> None:
        with link.lock:
            try:
                link.close()
            except self._errors:
                link.connection = None

    def close(self) -> None:
        """Close the connections of all threads; the file may be another one when they are opened again."""
        self.disconnect()
        self._file.forget()

    def disconnect(self) -> None:
        """Close the connections of all threads for a while."""
        for link in list(self._links):
            self._drop(link)
        self._links.clear()

    @contextmanager
    def sqlalchemy(self) -> Iterator[Connection]:
        """A transaction as an SQLAlchemy connection, for what happens seldom: creating and upgrading tables."""
        with self._gate:  # no fork meanwhile
            yield from self._sqlalchemy()

    def _sqlalchemy(self) -> Iterator[Connection]:
        raw = self._connect(autocommit=False)
        engine = create_engine(self.url, creator=lambda: raw, poolclass=NullPool)  # which closes it
        if self.is_sqlite:
            raw.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")

            @event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver would begin later, without a lock

        try:
            with engine.begin() as connection:
                if self.url.get_backend_name() == "postgresql":
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7436278)")  # "one at a time" of our own
                yield connection
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            if isinstance(cause, self._errors):
                self._fail(cause)
            raise
        finally:
            engine.dispose()


def _check_encoding(connection: Any, where: str) -> None:
    """Refuse a PostgreSQL database that does not know what its texts mean, and gives them back as bytes."""
    status = getattr(getattr(connection, "info", None), "parameter_status", None)
    if status is not None and status("server_encoding") == "SQL_ASCII":
        raise StorageError(
            f"{where} has the encoding SQL_ASCII, which means none; make one with CREATE DATABASE name ENCODING 'UTF8' "
            "TEMPLATE template0"
        )


def _is_ours(connection: Any) -> bool:
    """Tell whether an SQLite file is empty or has tables of ours: one of others keeps its journal as it is."""
    query = "SELECT count(*), count(*) FILTER (WHERE name LIKE 'tunesmith!_%' ESCAPE '!') FROM sqlite_master"
    every, ours = connection.execute(query).fetchone()
    return bool(every == 0 or ours > 0)


_random = random.SystemRandom()  # the state of Python's own generator belongs to the user


class _Patience:
    """How long to wait for whoever holds the lock, and how often to look.

    A transaction takes some 50 microseconds, so the first looks come quickly; the waiters' pauses are random, so that
    none of them always comes last.
    """

    def __init__(self, timeout: float) -> None:
        self._end = time.monotonic() + timeout
        self._pause = 0.00005
        self._reconnected = False

    def goes_on(self, busy: bool, lost: bool) -> bool:
        """Tell whether to try again after a failure."""
        if busy:
            return time.monotonic() < self._end
        if lost and not self._reconnected:  # the server closed an idle connection, or was started anew
            self._reconnected = True
            return True
        return False

    def wait(self) -> None:
        """Pause, a little longer each time."""
        time.sleep(_random.random() * self._pause)
        self._pause = min(2 * self._pause, 0.01)


# A connection must not live in two processes: SQLite's locks belong to the process that took them, and a server would
# get the words of both. So before a fork all threads' connections are closed, and none is opened until it is over;
# each process then opens its own when it needs one.
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_abandoned: list[Any] = []
_held: list[Any] = []


def _before_fork() -> None:
    for database in list(_databases):
        locks: list[Any] = [database._gate, *(link.lock for link in list(database._links))]
        _held.extend(lock for lock in locks if lock.acquire(timeout=database.timeout))
        database.disconnect()


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
