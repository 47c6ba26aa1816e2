"""Creates the tables, and upgrades those of an older version."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - imported only when a database is named

from tunesmith.errors import StorageError
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.foreign import refuse_foreign_tables
from tunesmith.storage.sql.location import may_exist
from tunesmith.storage.sql.schema import HEAD, metadata, version
from tunesmith.text import printable

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
