"""`Database`: transactions on the connections of a pool, run again when something was in the way.

Our own, not SQLAlchemy's pool and sessions. With a connection of SQLAlchemy's pool for each transaction a study in an
SQLite file has 17 % fewer trials a second and 198 Python calls a trial in place of 96 (PostgreSQL: 1.5 % fewer trials);
with its execution too, 58 % fewer (39 %). Besides, waiting for a lock needs pauses below SQLite's 1 to 100 ms; and a
fork or `close` has to close the connections of all threads.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar, TypeVarTuple, cast

from sqlalchemy import URL, create_engine, event, inspect  # noqa: TID253 - imported only when a database is named
from sqlalchemy.engine import Connection as SQLAlchemyConnection  # noqa: TID253 - as above
from sqlalchemy.pool import NullPool  # noqa: TID253 - as above

from tunesmith.errors import StorageError, StorageLostError
from tunesmith.foundation.text import printable
from tunesmith.storage.sql.backends import sql_backend
from tunesmith.storage.sql.connections import FILE_CONNECTIONS_KEPT, Dialect, Pool, Session
from tunesmith.storage.sql.faults import Fault, Retry, broke_off, explained_error
from tunesmith.storage.sql.location import secrets_of

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SERVER_PATIENCE = 120.0  # seconds that a transaction waits for a server that was there before and is away
FIRST_PATIENCE = 10.0  # the same for one that was not there before
BREAKS = 10  # how often it may break the connection: one with a value that is too long for the server always does


class Database:
    """Runs transactions on one database.

    Args:
        where: its name in errors.

    Attributes:
        connections: the open connections, those in use among them.
    """

    def __init__(self, url: URL, where: str, timeout: float) -> None:
        self.url, self.where, self.timeout = url, where, timeout
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._secrets = secrets_of(url)
        self._file = FileWatch(url, where)
        self._rescue: Database | None = None  # a copy of a file that was lost
        self._backend = sql_backend(url.get_backend_name(), timeout)
        # Positional parameters, so that a statement's values are one list.
        engine = create_engine(url, paramstyle="qmark" if self.is_sqlite else "format")
        self._driver = cast(Any, engine.dialect)
        self._backend.define(self._driver)
        if self._driver.is_async:
            raise StorageError(f"{where}: the driver {url.drivername!r} is asynchronous; choose one that is not")
        self.dbapi = self._driver.dbapi
        self.dialect = Dialect(self._driver, where)
        self._errors: tuple[type[BaseException], ...] = (self.dbapi.Error, OverflowError, UnicodeError)
        if not self.is_sqlite:
            self._errors += (OSError,)  # some drivers pass on what the network says
        self._pool = Pool(self.is_sqlite)
        self.connections = self._pool.connections
        self._connected = math.inf  # since when, by the monotonic clock; inf: not now, or never
        self._known = False  # whether it was ever reached
        self._was_away = False

    # -- transactions ------------------------------------------------------------------------------------------

    def read(self, work: Callable[[Session, *Ts], T], *args: *Ts, snapshot: bool = False) -> T:
        """Return what a work reads.

        Args:
            work: reads by the statements of a session; it may run several times.
            snapshot: whether all of its statements see one state of the database.
        """
        return self._run(work, args, self._backend.begin_read if snapshot else ())

    def write(
        self,
        work: Callable[[Session, *Ts], T],
        *args: *Ts,
        recent: float = 0.0,
        durable: bool = True,
        single: bool = False,
        patience: float = SERVER_PATIENCE,
    ) -> T:
        """Return what a work returns, when its changes are durable; if it raises, nothing is changed.

        Args:
            work: changes rows by the statements of a session; it runs again after a deadlock or a lost connection. The
                answer to its COMMIT may be lost too: if `session.uncertain`, it has to look whether it was done.
            args: what it is called with besides.
            recent: how old the last check that the file is still there may be, in seconds.
            durable: whether it has to survive a power cut of the server; else a file is checked less often too.
            single: whether at most one of its statements changes anything, so that no transaction is needed.
            patience: how long to wait for a server that is away, in seconds.
        """
        begin = () if single else self._backend.begin_write
        if begin and not durable and self._backend.relaxed:
            begin = (f"{begin[0]}; {self._backend.relaxed}",)
        return self._run(work, args, begin, recent, patience, writes=True, brief=not durable)

    def _run(
        self,
        work: Callable[[Session, *Ts], T],
        args: tuple[*Ts],
        begin: tuple[str, ...],
        recent: float = 0.0,
        patience: float = SERVER_PATIENCE,
        *,
        writes: bool = False,
        brief: bool = False,
    ) -> T:
        """Run a transaction, again if it was rolled back or its end is unknown."""
        retry: Retry | None = None
        broken, collided = 0, False
        before = ""  # ends the session in which the run before may still be on its way
        idle = self._pool.idle
        while True:
            begun = False
            uncertain = retry is not None and retry.was_lost
            # Here and at the end without a call of the pool, for it is done three times a trial. The thread that gave
            # its connection back last has it again.
            try:
                session = idle.pop()
            except IndexError:
                session = self._take(retry, patience)
            if session.pid != os.getpid():
                continue  # inherited by a fork that the pool's hook did not see
            try:
                with session.lock:
                    if session.driver is None:
                        continue
                    session.uncertain = uncertain
                    if writes and (happened := self._file.check(recent, brief)):
                        self._lost(happened, session, work, args)
                    try:
                        if before:
                            self._end(session, before)
                            before = ""
                        for statement in begin:
                            session.execute(statement)
                        begun = True
                        result = work(session, *args)
                        if begin:
                            try:
                                session.execute("COMMIT")
                            except self._errors as error:
                                self._commit_again(session, error)
                        if self._connected == math.inf:
                            self._connected = time.monotonic()
                        return result
                    except self._errors as error:
                        fault = self._roll_back(session, error)
                        if uncertain and not collided and isinstance(error, self.dbapi.IntegrityError):
                            # What the run before had on its way was committed meanwhile; now it can be seen.
                            collided, fault = True, Fault.LOCKED
                        if begun and fault is Fault.LOST:
                            broken += 1
                            before = session.end if writes else ""
                        retry = retry or Retry(self.timeout, patience)
                        if broken > BREAKS or not retry.goes_on(fault):
                            if happened := self._file.check_after_error():
                                self._lost(happened, session, work if writes else None, args)
                            self._fail(error)
                    except BaseException:  # an interrupt too: no transaction may stay open
                        self._roll_back(session)
                        raise
            finally:
                if self.is_sqlite and session.driver is not None and len(idle) < FILE_CONNECTIONS_KEPT:
                    idle.append(session)
                else:
                    self._pool.give(session)
            retry.wait()

    def _lost(
        self, happened: str, session: Session, work: Callable[[Session, *Ts], Any] | None, args: tuple[*Ts]
    ) -> NoReturn:
        """Refuse to write to a file that is no longer what it was; make a copy beside it once, and write there."""
        if self._rescue is None and (place := self._file.rescue(session.driver)) is not None:
            self._rescue = Database(self.url.set(database=place), f"the file {place}", self.timeout)
        copy, place = self._rescue, None
        if copy is not None:
            place = str(copy.url.database)
            if work is not None:
                with suppress(Exception):  # of the work, for which there is no caller any more
                    copy.write(work, *args)
                copy.close()
        kept = "" if place is None else f"All that was stored is kept in {printable(place)}. "
        raise StorageLostError(
            f"{happened} while it was in use, so nothing more is written to it. {kept}Put the file back where it was "
            "and go on, or load the study again to go on with what is there now",
            self._file.path or "",
            place,
        )

    def _end(self, session: Session, statement: str) -> None:
        """End the session of a lost connection: what it had on its way is done or undone now, and not in a moment."""
        try:
            session.execute(statement)
        except self._errors as error:
            if self._fault(error, session) is Fault.LOST:
                raise
            # Not allowed there: it ends by itself, in nearly all cases before anybody could see a difference.

    def _commit_again(self, session: Session, error: BaseException) -> None:
        """Wait for readers, without which a file that cannot have WAL takes no commit; the transaction stays open."""
        if not self.is_sqlite or self._backend.fault(error) is not Fault.LOCKED:
            raise error
        retry = Retry(self.timeout, 0.0)
        while retry.goes_on(self._backend.fault(error)):
            retry.wait()
            try:
                session.execute("COMMIT")
                return
            except self._errors as another:
                error = another
        raise error

    def _fail(self, error: BaseException) -> NoReturn:
        """Raise a StorageError that explains a driver's exception."""
        said = str(error)
        shown = self._secrets.hide(said)
        text = printable(" ".join(shown.split()))
        found = explained_error(error, text, self.where, self.timeout, self.dbapi, self._backend.fault(error))
        raise found from (error if shown == said else None)

    def _roll_back(self, session: Session, error: BaseException | None = None) -> Fault:
        """Roll the transaction back, close a connection that is lost; return what the error means."""
        fault = Fault.FINAL if error is None else self._fault(error, session)
        if session.driver is not None and fault is not Fault.LOST:
            try:
                if not self.is_sqlite or session.driver.in_transaction:
                    session.execute("ROLLBACK")
            except self._errors:
                fault = Fault.FINAL if self.is_sqlite else Fault.LOST
        if fault is Fault.LOST:
            self._connected, self._was_away = math.inf, True
            self._pool.drop(session)
            self._pool.drop_idle()  # if the server was restarted, they are lost too
        return fault

    def _fault(self, error: BaseException, session: Session | None = None) -> Fault:
        """Return what an error means; None: a connection could not be opened."""
        fault = Fault.LOST if isinstance(error, OSError) else self._backend.fault(error)
        ours = self.is_sqlite or not isinstance(error, (self.dbapi.Error, OSError))
        if ours or fault in (Fault.LOCKED, Fault.FULL):
            return fault
        if session is None:
            # One that was never there is not waited for: its address may be wrong. But it is if it began to answer.
            there = self._known or broke_off(str(error))
            return Fault.LOST if there and isinstance(error, (self.dbapi.OperationalError, OSError)) else Fault.FINAL
        if fault is Fault.LOST or self._driver.is_disconnect(error, session.driver, session.cursor):
            return Fault.LOST
        return Fault.FINAL

    # -- connections -------------------------------------------------------------------------------------------

    @property
    def connected_since(self) -> float:
        """Since when the database is there again, by the monotonic clock; minus infinity if it was never away."""
        return min(self._connected, time.monotonic()) if self._was_away else -math.inf

    def uptime(self) -> float:
        """Return the seconds since the server started; infinity for a file."""
        query = self._backend.uptime
        if not query:
            return math.inf
        return float(self.read(lambda session: session.query(query))[0][-1])

    def _take(self, retry: Retry | None, patience: float) -> Session:
        """Return a connection of the pool; others may hold a lock on the file while they turn its journal to WAL."""
        while True:
            try:
                return self._pool.take(self._connect)
            except self._errors as error:
                retry = retry or Retry(self.timeout, patience if self._known else min(patience, FIRST_PATIENCE))
                fault = self._fault(error)
                if fault is Fault.LOST:
                    self._connected, self._was_away = math.inf, True
                if not retry.goes_on(fault):
                    self._fail(error)
            except (TypeError, ValueError) as error:  # an option of the URL that the driver does not take
                self._fail(error)
            retry.wait()

    def _connect(self) -> Session:
        driver = self._open(patient=False)
        session = Session(self.dialect, driver)
        self._pool.add(session)
        try:
            with session.lock:  # else `close` in another thread frees what this one is about to use
                session.end = self._backend.set_up(driver, self.where)
                if not self.is_sqlite:
                    self._driver.set_isolation_level(driver, "AUTOCOMMIT")
        except BaseException:
            self._pool.drop(session)
            raise
        self._file.note(alone=len(self.connections) == 1)
        self._known = True
        if self._connected == math.inf:
            self._connected = time.monotonic()
        return session

    def _open(self, patient: bool) -> Any:
        """Return a connection of the driver's; a patient one waits for statements that change tables."""
        args, named = self._driver.create_connect_args(self.url)
        return self._backend.connect(self._driver, args, named, patient)

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        query = self._backend.tables
        if not query:
            with self.sqlalchemy() as connection:
                return list(inspect(connection).get_table_names())
        return [str(name) for (name,) in self.read(lambda session: session.query(query))]

    def close(self) -> None:
        """Close the connections of all threads, and forget which file they had open."""
        self._pool.close()
        self._file.forget()

    @contextmanager
    def sqlalchemy(self) -> Iterator[SQLAlchemyConnection]:
        """Open a transaction as an SQLAlchemy connection, to create and upgrade tables."""
        self._backend.creates = True
        self._pool.drop_idle()
        self.read(lambda session: None)  # waits for a server that is away, and sets the file up
        with self._pool.gate:  # no fork meanwhile
            try:
                raw = self._open(patient=True)
            except self._errors as error:
                self._fail(error)
            engine = create_engine(self.url, creator=lambda: raw, poolclass=NullPool)  # which closes it
            self._backend.define(engine.dialect)
            if self.is_sqlite:
                raw.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")
                event.listen(engine, "begin", _begin_at_once)
            try:
                with engine.begin() as connection:
                    for statement in self._backend.one_at_a_time:
                        connection.exec_driver_sql(statement)
                    yield connection
            except Exception as error:
                cause = getattr(error, "orig", None) or error
                if isinstance(cause, self._errors):
                    self._fail(cause)
                raise
            finally:
                engine.dispose()


def _begin_at_once(connection: SQLAlchemyConnection) -> None:
    """Begin with a lock; SQLite's driver would begin later, without one."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# -- is a database file still as it was opened? Else it is copied while it can be -------------------------------------

# Seconds for which a check of the file holds: so few that the log is not filled meanwhile, whose checkpoint would hide
# what happened. And the same for reports, which may be many; the end of their trial checks again.
MOMENT, SELDOM = 0.005, 1.0
Look = tuple[int, int, int, int]  # device, inode, size, time of the last change


@dataclass(frozen=True, slots=True)
class _Content:
    """What tells one file from another: its mark, and the seed and time of creation of its studies by their ids."""

    mark: int = 0
    studies: dict[int, tuple[int, float]] = field(default_factory=dict)


class FileWatch:
    """Notices when a database file is deleted, replaced, overwritten or cut off: what is written then would be lost.

    While a process has the file open, SQLite neither deletes its write-ahead log nor makes it shorter, and writes to
    the file itself in checkpoints alone. So a call of `stat` for each tells that all is well, and the content is looked
    at only after a checkpoint. The log is checked before each write: one that was cut off has its length again after
    it. The file is not, if that was done just now. So a trial costs no more calls than it has transactions.

    Between two checkpoints that readers cut short the file alone is in no state of its own: only its first page can be
    told to be ours.

    Args:
        url: where the database is; a server needs no watch.
    """

    def __init__(self, url: URL, where: str) -> None:
        path = url.database or ""
        self.path = path if url.get_backend_name() == "sqlite" and not path.startswith("file:") else None
        self._where = where
        self._file: Look | None = None
        self._log: Look | None = None  # None: there is no write-ahead log, for the file system cannot do it
        self._content = _Content()
        self._looked = (-math.inf, 0.0)  # when the content was looked at, and how long it took
        self._checked = -math.inf  # when both were checked, by the monotonic clock
        self._checked_file = -math.inf  # when the file was

    def note(self, alone: bool) -> None:
        """Remember what is there; called after a connection was opened.

        Args:
            alone: whether it is the only one here, so that SQLite may have made a new log.
        """
        if self.path is None or not (alone or self._file is None):
            return
        found, log = _look_at_file(self.path, self._file), _look_at_file(f"{self.path}-wal", self._log)
        if self._file is None or (found is not None and found[:2] == self._file[:2]):
            self._file = found
        # A log begins after the last change of its file; SQLite deletes an older one, which an earlier file left.
        is_left = found is not None and log is not None and log[2] == 0 and log[3] < found[3]
        self._note_log(None if is_left else log)

    def _note_log(self, log: Look | None) -> None:
        self._log = log
        if log is not None:
            self._content = _file_content(self.path or "") or self._content

    def forget(self) -> None:
        """Forget which file was there."""
        self._file = None

    def check(self, recent: float = 0.0, brief: bool = False) -> str:
        """Return what happened to the file, in words; "": nothing. Called before each write.

        Args:
            recent: how old the last check may be, in seconds.
            brief: whether the write is one of many that do not end a trial, such as a report.
        """
        now = time.monotonic()
        if self._file is None or now - self._checked < recent:
            return ""
        happened = ""
        if now - self._checked_file > (SELDOM if brief else MOMENT):
            happened = self._check_file(self._file)
        happened = happened or self._check_log()
        if not happened:
            self._checked = now
        return happened

    def check_after_error(self) -> str:
        """Check both, whenever that was done last: SQLite has found something wrong."""
        self._checked_file = -math.inf
        return self.check()

    def _check_file(self, known: Look) -> str:
        found = _look_at_file(self.path or "", known)
        if found is None:
            return f"{self._where} was deleted"
        if found[:2] != known[:2]:
            return f"{self._where} was replaced by another file"
        shorter, start = found[2] < known[2], time.monotonic()
        when, took = self._looked
        # Where every commit makes a checkpoint, a look at the content must stay cheap.
        if self._log is not None and found != known and (shorter or start - when > 10.0 * min(took, 0.001)):
            if not _holds(lambda: self._is_ours(shorter)):
                return f"{self._where} was {'cut off' if shorter else 'overwritten'}"
            self._file, self._looked = found, (time.monotonic(), time.monotonic() - start)
        self._checked_file = time.monotonic()
        return ""

    def _check_log(self) -> str:
        log = _look_at_file(f"{self.path}-wal", self._log)
        if self._log is None:
            self._note_log(log)  # SQLite makes it with the first transaction
            return ""
        if log is None or log[:2] != self._log[:2]:
            return f"the write-ahead log of {self._where} was {'deleted' if log is None else 'replaced'}"
        # Another program may make it shorter; a new connection must read what was written last.
        if log[2] < self._log[2] and not _holds(lambda: _file_content(self.path or "") is not None):
            return f"the write-ahead log of {self._where} was cut off"
        self._log = log
        return ""

    def _is_ours(self, shorter: bool) -> bool:
        """Return whether the file, alone and with its log, is the one that was opened."""
        path, known = self.path or "", self._content
        seen, alone = _file_content(path), _file_mark(path)
        if seen is None or alone is None or os.path.getsize(path) == 0 or (shorter and not _is_sound(path)):
            return False
        other = any(seen.studies[i] != kept for i, kept in known.studies.items() if i in seen.studies)
        if other or (known.mark and seen.mark != known.mark) or alone not in (seen.mark, 0):
            return False
        self._content = seen
        return True

    def rescue(self, driver: sqlite3.Connection) -> str | None:
        """Write what an open connection still has into a new file beside the old one; return its name.

        Args:
            driver: the connection; no transaction is open.

        Returns:
            the path; None: it cannot be read, or nothing can be written there.
        """
        for i in range(1, 100):
            place = f"{self.path}.rescue-{i}.db"
            try:
                os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            except OSError:
                return None
            try:
                driver.execute("VACUUM INTO ?", (place,))
                if _is_sound(place) and (found := _file_content(place)) is not None and found.studies:
                    return place
            except sqlite3.Error:
                pass
            os.unlink(place)
            return None
        return None


def _look_at_file(path: str, before: Look | None) -> Look | None:
    """Return what a file is now, in one call, for each write makes it; None: it is not there.

    Args:
        before: what it was.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:  # a drive that is away for the moment: SQLite finds the words
        return before
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _holds(condition: Callable[[], bool]) -> bool:
    """Return whether a condition holds, now or in a moment: a checkpoint of another process may be under way."""
    for pause in (0.02, 0.05, 0.1, 0.2, 0.4):
        if condition():
            return True
        time.sleep(pause)
    return condition()


def _open_file(path: str, how: str = "mode=ro") -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{Path(path).as_uri()}?{how}", uri=True))


def _file_content(path: str) -> _Content | None:
    """Return what is in a file as connections see it; None: it cannot be read."""
    try:
        with _open_file(path) as connection:
            (mark,) = connection.execute("PRAGMA user_version").fetchone()
            try:
                rows = connection.execute("SELECT id, seed, created FROM tunesmith_studies").fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                rows = []
            return _Content(mark, {row[0]: row[1:] for row in rows})
    except sqlite3.Error:
        return None


def _file_mark(path: str) -> int | None:
    """Return the mark in the first page of a file, without its log; None: it is not a database."""
    try:
        with _open_file(path, "immutable=1") as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        return None if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB" else 0


def _is_sound(path: str) -> bool:
    """Return whether SQLite finds nothing wrong with a file."""
    try:
        with _open_file(path) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False
