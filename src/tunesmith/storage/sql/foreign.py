"""Tables of other programs: whose they are, and how to take their trials over."""

from __future__ import annotations

import warnings

from tunesmith import registry
from tunesmith.errors import StorageError
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.session import Session
from tunesmith.text import printable


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
