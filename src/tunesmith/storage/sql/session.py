"""`Session`: statements inside one transaction, in the dialect of a database.

SQLAlchemy reads the URL, writes the SQL of the dialect and loads the driver. The statements go to the driver's cursor:
SQLAlchemy's own execution takes 22 microseconds for an INSERT of a trial, the cursor 7.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.sql.base import Executable  # noqa: TID253 - imported only when a database is named

Row = tuple[Any, ...]
Values = float | int | str | bytes | None


class Dialect:
    """The SQL dialect of one database; it holds no connection."""

    def __init__(self, sqlalchemy_dialect: Any, where: str) -> None:
        self.where = where
        self.name: str = sqlalchemy_dialect.name
        self.loose = self.name == "sqlite"  # whether a column may hold values of any type
        self.returning = bool(sqlalchemy_dialect.update_returning)
        self.compiled: dict[Executable, tuple[str, tuple[str, ...]]] = {}
        self._dialect = sqlalchemy_dialect

    def compile(self, statement: Executable) -> tuple[str, tuple[str, ...]]:
        """Return the SQL of a statement and the names of its parameters in order."""
        found = self.compiled.get(statement)
        if found is None:
            compiled: Any = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]  # all ours have it
            found = self.compiled[statement] = (str(compiled), tuple(compiled.positiontup or ()))
        return found


class Session:
    """A cursor inside a transaction, and the dialect of its database.

    It has no reference to the database, so that a thread that keeps a session does not keep an unused database.

    Attributes:
        dialect: the dialect.
        cursor: the driver's cursor.
        uncertain: whether the same work ran before, and may have been committed although the connection was lost.
    """

    __slots__ = ("_compiled", "cursor", "dialect", "uncertain")

    def __init__(self, dialect: Dialect, cursor: Any) -> None:
        self.dialect = dialect
        self.cursor = cursor
        self.uncertain = False
        self._compiled = dialect.compiled

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Say that an answer of the server is waited for."""
        yield

    def execute(self, text: str) -> None:
        """Run a statement that has no parameters, such as COMMIT."""
        self.cursor.execute(text)

    def query(self, text: str) -> list[Row]:
        """Return all rows of a query that has no parameters."""
        self.execute(text)
        rows: list[Row] = self.cursor.fetchall()
        return rows

    def _send(self, statement: Executable, values: dict[str, Values]) -> Any:
        text, order = self._compiled.get(statement) or self.dialect.compile(statement)
        return self.cursor.execute(text, list(map(values.__getitem__, order)))

    def rows(self, statement: Executable, **values: Values) -> list[Row]:
        """Return all rows of a query."""
        self._send(statement, values)
        rows: list[Row] = self.cursor.fetchall()
        return rows

    def row(self, statement: Executable, **values: Values) -> Row | None:
        """Return the first row of a query, or None."""
        self._send(statement, values)
        rows: list[Row] = self.cursor.fetchall()
        return rows[0] if rows else None

    def chunks(self, statement: Executable, size: int, **values: Values) -> Iterator[list[Row]]:
        """Return the rows of a query, `size` at a time."""
        self._send(statement, values)
        while rows := self.cursor.fetchmany(size):
            yield rows

    def run(self, statement: Executable, **values: Values) -> int:
        """Run a statement that changes rows; return how many."""
        self._send(statement, values)
        return int(self.cursor.rowcount)

    def many(self, statement: Executable, values: Sequence[dict[str, Values]]) -> None:
        """Run a statement once for each set of values."""
        if not values:
            return
        text, order = self._compiled.get(statement) or self.dialect.compile(statement)
        self.cursor.executemany(text, [[each[name] for name in order] for each in values])


class ServerSession(Session):
    """A session that says since when it waits for an answer of the server, so that a silent one is noticed.

    Attributes:
        waiting: when the statement was sent, by the monotonic clock; 0.0: none is waited for.
    """

    __slots__ = ("waiting",)

    def __init__(self, dialect: Dialect, cursor: Any) -> None:
        super().__init__(dialect, cursor)
        self.waiting = 0.0

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        self.waiting = time.monotonic()
        try:
            yield
        finally:
            self.waiting = 0.0

    def execute(self, text: str) -> None:
        self.waiting = time.monotonic()
        try:
            self.cursor.execute(text)
        finally:
            self.waiting = 0.0

    def _send(self, statement: Executable, values: dict[str, Values]) -> Any:
        self.waiting = time.monotonic()
        try:
            return super()._send(statement, values)
        finally:
            self.waiting = 0.0

    def many(self, statement: Executable, values: Sequence[dict[str, Values]]) -> None:
        with self.waited_for():
            super().many(statement, values)
