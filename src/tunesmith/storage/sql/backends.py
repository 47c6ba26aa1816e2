"""What differs between databases: how to connect, to begin and to wait, and what their errors mean.

Nothing is set for a whole session that matters for correctness: a pool between us and the server (PgBouncer) may give
each transaction another session. So time limits are set by the statement that begins a transaction.

Of a transaction that writes, the server ends the connection when it hears nothing for `IDLE_WRITE` seconds: a process
that was stopped, or is behind a cut cable, must not hold the rows that others wait for.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any, ClassVar

from sqlalchemy.dialects.mysql.base import MySQLTypeCompiler  # noqa: TID253 - imported only when a database is named

from tunesmith.errors import StorageError
from tunesmith.storage.sql.faults import Fault

CONNECT_LIMIT = 10  # seconds to open a connection
IDLE_WRITE = 5  # seconds without a statement inside a transaction that writes
IDLE_READ = 3600  # the same for one that reads, and locks nothing: a large study is decoded meanwhile
ROW_LOCK_SECONDS = 10  # seconds to wait for a row at a time
LARGEST_FLOAT = sys.float_info.max  # stands for infinity in MariaDB and MySQL
PEER_LIMIT = 10  # seconds until the kernel gives a peer up that acknowledges nothing
SILENCE_SECONDS = 20.0  # seconds that a server may send nothing; twice as long after each time that this was too short
TABLE_CHANGE_SECONDS = 3600.0  # seconds that a statement which changes a table may take


class Backend:
    """A database that we have no special knowledge of.

    Args:
        timeout: how long to wait for other writers, in seconds.

    Attributes:
        begin_write: the statements that begin a transaction that writes.
        begin_read: those that begin one whose statements all see one state.
        one_at_a_time: those after which a transaction that creates tables is the only one that does.
        relaxed: a statement after `begin_write`, for a change that a power cut may undo; "": there is none.
        uptime: a query for the seconds since the server started; "": there is none.
        tables: a query for the names of all tables; "": SQLAlchemy knows one.
        creates: whether tables are about to be made.
        silence: for how many seconds a server may send nothing.
    """

    relaxed: ClassVar[str] = ""
    uptime: ClassVar[str] = ""
    tables: ClassVar[str] = ""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.begin_write: tuple[str, ...] = ("BEGIN",)
        self.begin_read: tuple[str, ...] = ("BEGIN",)
        self.one_at_a_time: tuple[str, ...] = ()
        self.creates = False
        self.silence = SILENCE_SECONDS

    def connect(self, dialect: Any, args: Any, named: dict[str, Any], patient: bool) -> Any:
        """Return a connection of the driver's.

        Args:
            dialect: SQLAlchemy's.
            args: what the URL says.
            named: that too, by name.
            patient: whether it is to change tables, which may take long.
        """
        silence = TABLE_CHANGE_SECONDS if patient else self.silence
        return dialect.connect(*args, **self.arguments(dialect.driver, named, silence))

    def arguments(self, driver: str, named: dict[str, Any], silence: float) -> dict[str, Any]:
        """Return the arguments of the driver's `connect`, with time limits; what the URL names has priority."""
        return named

    def set_up(self, connection: Any, where: str) -> str:
        """Check and set up a new connection; return a statement that ends its session from another one, or ""."""
        return ""

    def define(self, dialect: Any) -> None:
        """Teach a dialect of SQLAlchemy how our tables and statements are written."""

    def fault(self, error: BaseException) -> Fault:
        """Return what an error means, apart from the loss of the connection, which the driver knows."""
        return Fault.FINAL


class SQLite(Backend):
    """A file."""

    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"
    )

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self.begin_write = ("BEGIN IMMEDIATE",)

    def arguments(self, driver: str, named: dict[str, Any], silence: float) -> dict[str, Any]:
        # check_same_thread: connections are passed on between threads, under their locks.
        # timeout: SQLite's own way of waiting sleeps up to 100 ms while the lock is free; see Retry.
        return {**named, "check_same_thread": False, "timeout": 0.0, "isolation_level": None}

    def set_up(self, connection: Any, where: str) -> str:
        import sqlite3

        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal" and _is_ours(connection, self.creates):
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # A file that may only be read is read as it is.
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
            mode = "delete"
        if mode == "wal":  # else the file system has no shared memory, and the older journal needs its default, FULL
            # NORMAL loses nothing when a process is killed; a power cut may take the last transactions.
            connection.execute("PRAGMA synchronous = NORMAL")
            # Rarer and larger than by default: each checkpoint waits for the disk, and the writers for it.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        return ""

    def fault(self, error: BaseException) -> Fault:
        name = getattr(error, "sqlite_errorname", "")
        busy = name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"))
        return Fault.LOCKED if busy else Fault.FINAL


def _is_ours(connection: Any, creates: bool) -> bool:
    """Return whether an SQLite file has our tables, or is empty and will have them; others are left as they are."""
    query = "SELECT count(*), count(*) FILTER (WHERE name LIKE 'tunesmith!_%' ESCAPE '!') FROM sqlite_master"
    every, ours = connection.execute(query).fetchone()
    return bool(ours > 0 or (creates and every == 0))


class PostgreSQL(Backend):
    """A PostgreSQL server, or a pool before it."""

    relaxed = "SET LOCAL synchronous_commit = off"
    uptime = "SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"
    tables = (
        "SELECT relname FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND relnamespace = "
        "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema()) ORDER BY relname"
    )
    # What libpq takes (psycopg, psycopg2): https://www.postgresql.org/docs/current/libpq-connect.html
    _LIBPQ: ClassVar[dict[str, Any]] = {
        "keepalives": 1,
        "keepalives_idle": PEER_LIMIT,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": PEER_LIMIT * 1000,
    }
    # So that the server notices a dead peer in half a minute, and gives its connection to others.
    _PEER = (
        f"SELECT set_config('tcp_keepalives_idle', '{PEER_LIMIT}', false), "
        "set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false)"
    )
    _LOCKED = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock timeout
    _FULL = frozenset({"53300", "57P03"})  # too many connections, starting up
    # An error at the start of a connection has no code, only words.
    _WORDS = ("too many clients", "too many connections", "remaining connection slots", "no more connections allowed",
              "is starting up", "not yet accepting connections", "in recovery mode")  # fmt: skip
    # A server that shuts down, crashed, or ended an idle transaction; a pool whose server is away (08xxx).
    _LOST = frozenset({"57P01", "57P02", "57P05", "25P03", "25P04", "08000", "08001", "08003", "08004", "08006"})

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        idle = "SET LOCAL idle_in_transaction_session_timeout ="
        # One statement: a round trip each would take half as long as the transaction.
        self.begin_write = (
            f"BEGIN; {idle} '{IDLE_WRITE}s'; SET LOCAL lock_timeout = {_lock_limit(timeout) * 1000:.0f}",
        )
        self.begin_read = (f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {idle} '{IDLE_READ}s'",)
        self.one_at_a_time = (
            f"SET LOCAL lock_timeout = {timeout * 1000:.0f}",
            "SELECT pg_advisory_xact_lock(7436278)",  # a number of our own
        )

    def arguments(self, driver: str, named: dict[str, Any], silence: float) -> dict[str, Any]:
        if driver in ("psycopg", "psycopg2"):
            return {"connect_timeout": CONNECT_LIMIT, **self._LIBPQ, **named}
        return named

    def connect(self, dialect: Any, args: Any, named: dict[str, Any], patient: bool) -> Any:
        if dialect.driver != "psycopg" or patient:
            return super().connect(dialect, args, named, patient)
        from psycopg import Connection

        backend = self

        class ImpatientConnection(Connection[Any]):
            """Gives up a server that says nothing.

            libpq waits for good where something between (a proxy, a load balancer) takes packets and sends nothing on.
            """

            def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
                heard = backend._while_heard(gen, self.pgconn)
                return super().wait(heard, interval) if timeout is None else super().wait(heard, interval, timeout)

        return ImpatientConnection.connect(*args, **self.arguments(dialect.driver, named, self.silence))

    def _while_heard(self, gen: Generator[Any, Any, Any], connection: Any) -> Generator[Any, Any, Any]:
        """Yield what psycopg waits for, until the server has sent nothing for too long."""
        from psycopg import OperationalError

        heard = time.monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                now = time.monotonic()
                if ready:
                    heard = now
                elif now - heard > self.silence and not connection.host.startswith(b"/"):  # on no UNIX socket
                    self.silence *= 2  # perhaps it was only slow
                    connection.finish()
                    raise OperationalError(f"the server sent nothing for {now - heard:.0f} seconds")
                state = gen.send(ready)
        except StopIteration as end:
            return end.value

    def set_up(self, connection: Any, where: str) -> str:
        info = getattr(connection, "info", None)
        status = getattr(info, "parameter_status", None)
        if status is not None and status("server_encoding") == "SQL_ASCII":  # it returns texts as bytes
            raise StorageError(
                f"{where} has the encoding SQL_ASCII, which means none; make one with CREATE DATABASE name ENCODING "
                "'UTF8' TEMPLATE template0"
            )
        cursor = connection.cursor()
        cursor.execute(
            "SELECT pid, extract(epoch FROM backend_start)::text, current_setting('server_version_num')::integer "
            "FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        pid, start, version = cursor.fetchone()
        end = ""
        if pid == getattr(info, "backend_pid", None):
            cursor.execute(self._PEER)
            wait = ", 5000" if version >= 140_000 else ""
            end = (
                f"SELECT pg_terminate_backend(pid{wait}) FROM pg_stat_activity "
                f"WHERE pid = {pid} AND extract(epoch FROM backend_start)::text = '{start}'"
            )
        elif hasattr(connection, "prepare_threshold"):
            # A pool: the next transaction may be in a session that knows none of the prepared statements.
            connection.prepare_threshold = None
        cursor.close()
        connection.commit()
        return end

    def fault(self, error: BaseException) -> Fault:
        code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        text = "" if code else str(error)
        if code in self._LOCKED:
            return Fault.LOCKED
        if code in self._FULL or any(words in text for words in self._WORDS):
            return Fault.FULL
        return Fault.LOST if code in self._LOST else Fault.FINAL


class ColumnTypes(MySQLTypeCompiler):
    """Writes the types of our columns, whatever the defaults of the server and of the database are.

    TEXT and BLOB end at 64 KiB there. Names are compared byte by byte, spaces at their ends included.
    """

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        """Return the type of names and other short texts."""
        return f"VARCHAR({type_.length}) {self._text()}"

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:
        """Return the type of long texts."""
        return f"LONGTEXT {self._text()}"

    def visit_large_binary(self, type_: Any, **kw: Any) -> str:
        """Return the type of bytes."""
        return "LONGBLOB"

    def _text(self) -> str:
        # Neither knows the other's name for it (MariaDB does since 11.4).
        collation = "utf8mb4_nopad_bin" if getattr(self.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        return f"CHARACTER SET utf8mb4 COLLATE {collation}"


def write_float(value: float, mapping: Any = None) -> str:
    """Return a float as SQL. A NaN is NULL, and the infinities are the largest numbers, since DOUBLE has none.

    Args:
        mapping: what drivers pass along.
    """
    if math.isnan(value):
        return "NULL"
    text = repr(float(min(max(value, -LARGEST_FLOAT), LARGEST_FLOAT)))
    return text if "e" in text else f"{text}e0"  # with an exponent it is a DOUBLE, else a DECIMAL


def read_float(text: str | bytes) -> float:
    """Return a float that `write_float` wrote; the largest numbers are the infinities again."""
    value = float(text)
    return math.copysign(math.inf, value) if abs(value) == LARGEST_FLOAT else value


def converters() -> dict[Any, Any]:
    """Return PyMySQL's conversions of values, with ours for floats."""
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    return {**conversions, float: write_float, FIELD_TYPE.DOUBLE: read_float}


class MariaDB(Backend):
    """A MariaDB or MySQL server."""

    uptime = "SHOW GLOBAL STATUS LIKE 'Uptime'"
    tables = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = database() "
        "AND table_type = 'BASE TABLE' ORDER BY table_name"
    )
    _LOCKED = frozenset({1020, 1205, 1213, 3572})  # changed since it was read, lock timeout, deadlock, nowait
    _FULL = frozenset({1040, 1203, 1226})  # too many connections; of this user
    # Shutdown, killed, aborted by an idle timeout, and the client's own: cannot connect, gone, lost.
    _LOST = frozenset({1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2002, 2003, 2006, 2013, 2055,
                       4031})  # fmt: skip

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        # READ COMMITTED takes no locks on gaps, on which inserts would deadlock; a snapshot needs REPEATABLE READ.
        self.begin_read = (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        )
        self.one_at_a_time = (f"SELECT GET_LOCK('tunesmith', {timeout:.0f})",)

    def arguments(self, driver: str, named: dict[str, Any], silence: float) -> dict[str, Any]:
        if driver != "pymysql":
            return named
        limit = math.ceil(silence)
        limits = {
            "connect_timeout": CONNECT_LIMIT,
            "read_timeout": limit,
            "write_timeout": limit,
            "charset": "utf8mb4",
        }
        return {**limits, **named, "conv": converters()}

    def set_up(self, connection: Any, where: str) -> str:
        cursor = connection.cursor()
        cursor.execute("SELECT version()")
        maria = "mariadb" in str(cursor.fetchone()[0]).lower()
        # MySQL has no time limit for transactions alone.
        idle = f"idle_write_transaction_timeout = {IDLE_WRITE}" if maria else f"wait_timeout = {2 * IDLE_WRITE}"
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
            f"SESSION default_storage_engine = InnoDB, SESSION {idle}, "
            f"SESSION innodb_lock_wait_timeout = {math.ceil(_lock_limit(self.timeout))}"
        )
        cursor.close()
        return ""

    def define(self, dialect: Any) -> None:
        dialect.type_compiler_instance = ColumnTypes(dialect)
        # It would ask a connection of its own whether a text can be cast to DOUBLE; all that we support can.
        dialect.server_version_info = (10, 4, 5)  # SQLAlchemy 2.0
        with suppress(AttributeError):  # which has no such attribute to be set
            dialect._support_float_cast = True

    def fault(self, error: BaseException) -> Fault:
        code = error.args[0] if error.args else None
        if code in self._LOCKED:
            return Fault.LOCKED
        if code in self._FULL:
            return Fault.FULL
        return Fault.LOST if code in self._LOST else Fault.FINAL


_BACKENDS: dict[str, type[Backend]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MariaDB,
    "mariadb": MariaDB,
}


def sql_backend(name: str, timeout: float) -> Backend:
    """Return what is known of a database."""
    return _BACKENDS.get(name, Backend)(timeout)


def _lock_limit(timeout: float) -> float:
    """Return how long a statement waits for a row: the transaction is run again until the time is up."""
    return min(max(timeout, 0.001), ROW_LOCK_SECONDS)
