"""Tables of other programs: whose they are, and how to take their trials over."""

from __future__ import annotations

import warnings

from tunesmith.errors import StorageError
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.files import take_over
from tunesmith.storage.sql.session import Session
from tunesmith.text import printable

# Programs by the tables that only they have together.
_TABLES = {
    "Optuna": {"studies", "study_directions", "trials", "trial_params"},
    "MLflow": {"experiments", "runs", "metrics", "params"},
}


def foreign_tables(database: Database) -> tuple[str | None, list[str]]:
    """Return the known program that has tables in a database, and all tables that are not ours."""
    tables = [name for name in database.tables() if not name.startswith("tunesmith_")]
    return next((name for name, its in _TABLES.items() if its <= set(tables)), None), tables


def refuse_foreign_tables(database: Database) -> None:
    """Refuse an SQLite file of a known program; warn about a server, which many programs may share.

    Called for a database without our tables.

    Raises:
        StorageError: the file belongs to another program, and would look empty.
    """
    program, _ = foreign_tables(database)
    if program is None:
        return
    names = _studies_of_optuna(database) if program == "Optuna" else ""
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
    program, tables = foreign_tables(database)
    if program is not None:
        return f" It has tables of {program}'s. {_take_over(database, program)}"
    if tables:
        listed = ", ".join(printable(name) for name in tables[:5])
        return f" It has tables of another program ({listed})."
    return ""


def _take_over(database: Database, program: str) -> str:
    return take_over(database.where.removeprefix("the file ").removeprefix("the database "), program)


def _studies_of_optuna(database: Database) -> str:
    def names(session: Session) -> str:
        cursor = session.cursor
        cursor.execute("SELECT study_name FROM studies ORDER BY study_id")
        rows = cursor.fetchmany(6)
        return ", ".join(repr(row[0]) for row in rows[:5]) + (" and others" if len(rows) > 5 else "")

    return database.read(names)
