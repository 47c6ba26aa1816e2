"""Creates the tables, and upgrades those of an older version; says whose the tables of other programs are."""

from __future__ import annotations

import secrets
import warnings
from pathlib import Path
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - imported only when a database is named

from tunesmith.errors import StorageError
from tunesmith.foundation import registry
from tunesmith.foundation.text import printable
from tunesmith.storage.sql.connections import Session
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.location import may_exist
from tunesmith.storage.sql.schema import HEAD, metadata, version


def _foreign_tables(database: Database) -> tuple[str | None, str | None, list[str]]:
    """Return the known program that has tables in a database, what lists its studies, and all tables not ours."""
    tables = [name for name in database.tables() if not name.startswith("tunesmith_")]
    if not tables:
        return None, None, []
    program, listing = registry.guide("tables")(tables)
    return program, listing, tables


def refuse_foreign_tables(database: Database) -> None:
    """Refuse an SQLite file of a known program; warn about a server, which many programs may share.

    Called for a database without our tables.

    Raises:
        StorageError: the file belongs to another program, and would look empty.
    """
    program, listing, _ = _foreign_tables(database)
    if program is None:
        return
    names = "" if listing is None else _names(database, listing)
    if database.is_sqlite:
        raise StorageError(
            f"{database.where} is a database of {program}'s{names and f', with the studies {names}'}; choose another "
            f"file. {_take_over(database, program)}"
        )
    warnings.warn(
        f"{database.where} also has tables of {program}'s{names and f', with the studies {names}'}; they stay as they "
        f"are, and what they hold is not seen here. {_take_over(database, program)}",
        stacklevel=2,
    )


def foreign_hint(database: Database) -> str:
    """Return a sentence on other programs' tables, for the error about a missing study; "": there are none."""
    program, _, tables = _foreign_tables(database)
    if program is not None:
        return f" It has tables of {program}'s. {_take_over(database, program)}"
    if tables:
        listed = ", ".join(printable(name) for name in tables[:5])
        return f" It has tables of another program ({listed})."
    return ""


def _take_over(database: Database, program: str) -> str:
    place = database.where.removeprefix("the file ").removeprefix("the database ")
    return str(registry.guide("import")(place, program))


def _names(database: Database, listing: str) -> str:
    """Return the first names of another program's studies as text."""

    def names(session: Session) -> str:
        cursor = session.cursor
        cursor.execute(listing)
        rows = cursor.fetchmany(6)
        return ", ".join(repr(row[0]) for row in rows[:5]) + (" and others" if len(rows) > 5 else "")

    return database.read(names)


_VERSION = sa.select(version.c.version_num)
SCRIPTS = Path(__file__).parent.parent / "migrations"


def revision(schema: int) -> str:
    """Return the name that alembic gives a schema: four digits."""
    return f"{schema:04d}"


def stored_schema(database: Database) -> int | None:
    """Return the schema version of a database, None if it holds no tables of ours."""
    found = version.name in database.tables()
    row = database.read(lambda session: session.row(_VERSION)) if found else None
    if row is None:
        return None
    text = str(row[0])
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise StorageError(f"{database.where} has tables of an unknown version {row[0]!r}; was it edited or damaged?")
    return int(text)


def find_schema(database: Database, create: bool) -> int | None:
    """Return the schema version of a database, None if it holds no tables of ours."""
    schema = stored_schema(database) if may_exist(database.url) else None
    if schema is None and (create or database.is_sqlite) and may_exist(database.url):
        refuse_foreign_tables(database)
        ours = [name for name in database.tables() if name.startswith(version.name.partition("_")[0])]
        if database.is_sqlite and ours and (schema := stored_schema(database)) is None:  # else they were just made
            raise StorageError(
                f"{database.where} is damaged: it has {', '.join(map(printable, ours))}, and does not say of which "
                "version they are. Restore a copy of it if there is one"
            )
    return schema


def create_or_upgrade(database: Database, schema: int | None) -> None:
    """Create the tables if `schema` is None, upgrade them if they are older than this version."""
    if schema == HEAD:
        return
    if schema is not None and schema > HEAD:
        raise StorageError(
            f"{database.where} was written by a newer tunesmith: it has schema {schema}, and this version reads up to "
            f"{HEAD}; install a newer tunesmith"
        )
    with database.sqlalchemy() as connection:
        if schema is None:
            there = sa.inspect(connection).has_table(version.name)
            if not there or connection.execute(_VERSION).first() is None:  # else another process was faster
                metadata.create_all(connection)
                if database.is_sqlite and connection.exec_driver_sql("PRAGMA user_version").scalar() == 0:
                    # A mark by which the file is known from others, see FileWatch.
                    connection.exec_driver_sql(f"PRAGMA user_version = {secrets.randbelow(2**31 - 1) + 1}")
                connection.execute(sa.insert(version).values(version_num=revision(HEAD)))
        else:
            from alembic.util.exc import CommandError

            try:
                upgrade(connection)
            except CommandError as error:
                raise StorageError(f"{database.where} cannot be upgraded from schema {schema}: {error}") from error


def upgrade(connection: Any, target: str = "head") -> None:
    """Run the migrations that are missing, inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))  # "%" has a meaning in its files
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)
