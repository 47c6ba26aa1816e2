"""Databases of other programs, opened to be read and never written."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa  # noqa: TID253 - imported only when a database is read

from tunesmith.errors import MissingDependencyError, SourceError
from tunesmith.storage import read_spec, secrets_of
from tunesmith.storage.redact import shown_spec

# To read, our driver will do; the one that wrote, psycopg2 for instance, need not be installed.
_DRIVER = re.compile(r"^(postgresql|postgres|mysql|mariadb)\+\w+(?=://)")
CELL_BYTES = 2**28  # bytes of a text in an SQLite file
_SNAPSHOT = {"sqlite": "SERIALIZABLE"}  # the others: REPEATABLE READ


@contextmanager
def reading(source: str | Path) -> Iterator[tuple[sa.Connection, str]]:
    """Open a database for as long as the context lasts; all that is read is of one moment.

    Args:
        source: an SQLite file, or a URL as SQLAlchemy and Optuna take it.

    Yields:
        a connection, and the name of the database for people, without a password.

    Raises:
        SourceError: it cannot be opened or read.
        StorageError: it is not a URL.
        MissingDependencyError: its driver is not installed.
    """
    place, text = shown_spec(source), str(source)
    text = _DRIVER.sub(r"\1", text)
    is_file = "://" not in text or text.startswith("sqlite:")
    url = sa.URL.create("sqlite") if is_file else read_spec(text)[0]
    try:
        engine = (
            _sqlite(Path(text.removeprefix("sqlite:///")), place)
            if is_file
            else sa.create_engine(url, poolclass=sa.NullPool)
        )
    except ModuleNotFoundError as error:
        extra = "postgres" if "psycopg" in str(error.name) else "mysql"
        raise MissingDependencyError(
            f"{place}: the driver {error.name!r} is missing: pip install 'tunesmith[{extra}]'"
        ) from error
    except sa.exc.NoSuchModuleError:
        raise SourceError(f"{place}: SQLAlchemy knows no database {url.drivername!r}") from None
    try:
        level = _SNAPSHOT.get(engine.dialect.name, "REPEATABLE READ")
        with engine.connect().execution_options(isolation_level=level) as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # its driver begins by itself only before a write
            yield connection, place
    except sa.exc.DBAPIError as error:
        told = secrets_of(url).hide(str(error.orig).strip()).splitlines()
        raise SourceError(f"{place} cannot be read: {told[0] if told else type(error.orig).__name__}") from None
    finally:
        engine.dispose()


def table_names(connection: sa.Connection) -> set[str]:
    """Return the names of all tables: neither views nor virtual tables, whose rows a program makes."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
        return {str(name) for (name,) in connection.execute(sa.text(query))}
    return set(sa.inspect(connection).get_table_names())


def _sqlite(path: Path, place: str) -> sa.Engine:
    if not path.is_file():
        raise SourceError(f"{place} {'is a folder' if path.is_dir() else 'does not exist'}")
    where = f"{path.absolute().as_uri()}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(where, uri=True, timeout=30)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL_BYTES)
        connection.execute("PRAGMA trusted_schema = OFF")  # what the file defines calls no function with effects
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
