"""Optuna's databases: SQLite, PostgreSQL, MySQL; every schema since 0.9, the first that has a version.

The tables are read as they are, without Optuna. Nothing is written: an SQLite file is opened read-only.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - imported only when a database is read

from tunesmith.errors import SourceError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import shown
from tunesmith.interchange.databases import table_names
from tunesmith.interchange.limits import DAMAGE, Limits, number, parsed, whole
from tunesmith.interchange.optuna.trials import RawStudy, RawTrial, imported
from tunesmith.interchange.study import MOST_OBJECTIVES, ImportedStudy

TABLES = {"studies", "trials", "trial_params"}
# What every Optuna since 0.9 has besides. Where one is not there, or is a view, trials would lose what it should hold.
NEEDED = {
    *TABLES, "trial_values", "trial_user_attributes", "trial_system_attributes", "study_user_attributes",
    "study_system_attributes",
}  # fmt: skip
# The revisions that were looked at; a later one is read if its tables have what is read of them.
KNOWN = {
    "v0.9.0.a", "v1.2.0.a", "v1.3.0.a", "v2.4.0.a", "v2.6.0.a", "v3.0.0.a", "v3.0.0.b", "v3.0.0.c", "v3.0.0.d",
    "v3.2.0.a",
}  # fmt: skip
UTC_SINCE = 5  # the first Optuna that stores times in UTC; before, they are local
_WORDS = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}
_BATCH = 10_000
KINDS = ("user", "system")  # of attributes


class OptunaDatabase:
    """The tables of Optuna in an open database.

    Args:
        connection: where they are; all queries see the state of its one transaction.

    Raises:
        SourceError: the tables are not those of Optuna.
    """

    def __init__(self, connection: sa.Connection, limits: Limits) -> None:
        self._connection, self._place, self._limits = connection, limits.place, limits
        inspector = sa.inspect(connection)
        names = table_names(connection)
        if not names >= TABLES:
            raise SourceError(f"{self._place} has no tables of Optuna's ({', '.join(sorted(TABLES))})")
        if missing := NEEDED - names:
            raise SourceError(
                f"{self._place} is damaged: it has no table {', '.join(sorted(missing))}, as each database of Optuna's "
                "has (a view is none)"
            )
        with warnings.catch_warnings(action="ignore"):  # of column types that are not known
            self._columns = {
                name: {str(c["name"]) for c in inspector.get_columns(name)}
                for name in names
                if name.startswith(("trial", "stud", "version_info", "alembic_version"))
            }
        if "value" not in self._columns["trials"] and "trial_intermediate_values" not in names:
            raise SourceError(f"{self._place} is damaged: it has no table trial_intermediate_values")
        self.revision = self._one("alembic_version", "version_num")
        self._utc = _major(self._one("version_info", "library_version")) >= UTC_SINCE

    def names(self) -> dict[str, int]:
        """Return the studies, oldest first: name to id."""
        query = sa.text("SELECT study_name, study_id FROM studies ORDER BY study_id")
        rows = list(self._limits.counted(self._connection.execute(query)))
        if any(not isinstance(name, str) for name, _ in rows):
            raise SourceError(f"{self._place} is damaged: a study has no name; try a copy of an earlier state of it")
        return {name: whole(study_id, "the id of a study") for name, study_id in rows}

    def study(self, name: str, study_id: int, facts: bool = False) -> ImportedStudy:
        """Read a study.

        Args:
            facts: whether what Optuna says of each trial is kept beside.

        Raises:
            SourceError: something in it cannot be understood.
        """
        note = None
        if self.revision and self.revision not in KNOWN:
            note = (
                f"the tables are of a later Optuna than those that were tested (schema {self.revision}); compare a "
                "trial or two with what Optuna shows"
            )
        directions = self._directions(study_id)

        def read() -> RawStudy:
            user, system = (self._attributes_of_study(f"study_{kind}_attributes", study_id) for kind in KINDS)
            return RawStudy(name, directions, user, system, self._trials(study_id))

        return imported(name, self._place, facts, read, note)

    def _one(self, table: str, column: str) -> str:
        if column not in self._columns.get(table, ()):
            return ""
        row = self._connection.execute(sa.text(f"SELECT {column} FROM {table}")).first()
        return "" if row is None or row[0] is None else str(row[0])

    def _directions(self, study_id: int) -> list[int]:
        if "study_directions" in self._columns:
            query = "SELECT direction FROM study_directions WHERE study_id = :study ORDER BY objective"
        elif "direction" in self._columns["studies"]:
            query = "SELECT direction FROM studies WHERE study_id = :study"
        else:
            raise SourceError(f"{self._place} has no directions of its studies; its tables are of an unknown Optuna")
        rows = self._limits.counted(self._connection.execute(sa.text(query), {"study": study_id}))
        found = [str(row[0]).lower() for row in rows] or ["minimize"]
        if len(found) > MOST_OBJECTIVES:
            raise SourceError(f"{self._place} is damaged: a study has {len(found):,} objectives")
        return [2 if word == "maximize" else 1 for word in found]

    def _attributes_of_study(self, table: str, study_id: int) -> dict[str, Any]:
        t = sa.table(table, *map(sa.column, ("key", "value_json", "study_id")))
        query = sa.select(t.c.key, t.c.value_json).where(t.c.study_id == study_id)
        return _attributes(self._limits.counted(self._connection.execute(query)))

    def _trials(self, study_id: int) -> Iterator[RawTrial]:
        has_number = "number" in self._columns["trials"]
        base = ["trial_id", "state", "datetime_start", "datetime_complete", *(["number"] if has_number else [])]
        single = "value" in self._columns["trials"]  # before 2.4 a trial had one value, in its row
        rows = self._rows("trials", [*base, *(["value"] if single else [])], study_id)
        params = _Following(self._rows("trial_params", ["param_name", "param_value", "distribution_json"], study_id))
        reports_table = "trial_values" if single else "trial_intermediate_values"
        reports = _Following(self._numbers(reports_table, "step", study_id))
        values = _Following(iter(()) if single else self._numbers("trial_values", "objective", study_id))
        user = _Following(self._rows("trial_user_attributes", ["key", "value_json"], study_id))
        system = _Following(self._rows("trial_system_attributes", ["key", "value_json"], study_id))
        for place, row in enumerate(rows):
            trial_id, state, started, finished = row[:4]
            own = _attributes([attribute[1:] for attribute in system.of(whole(trial_id, "the id of a trial"))])
            at = row[4] if has_number else own.pop("_number", None)
            at = place if at is None else whole(at, "the number of a trial")
            if state not in TrialState.__members__:
                raise ValueError(f"trial {at} has the state {shown(state)}, and Optuna has none of that name")
            raw = RawTrial(at, TrialState[state])
            raw.params = [
                (str(name), number(value, f"the parameter {shown(name)} of trial {at}"), text)
                for _, name, value, text in params.of(trial_id)
            ]
            raw.reports = {
                whole(step, f"a step of trial {at}"): number(value, f"a report of trial {at}")
                for _, step, value in reports.of(trial_id)
            }
            what = f"the value of trial {at}"
            if single:
                raw.values = None if row[-1] is None else (number(row[-1], what),)
            else:
                held = {whole(k, "an objective"): number(value, what) for _, k, value in values.of(trial_id)}
                raw.values = tuple([held[k] for k in sorted(held)]) or None
            raw.user = _attributes([attribute[1:] for attribute in user.of(trial_id)])
            raw.system = own
            raw.started, raw.finished = self._time(started), self._time(finished)
            yield raw

    def _rows(self, table: str, columns: list[str], study_id: int) -> Iterator[Any]:
        """Return rows of the trials of a study, by trial; the first cell is the trial's id."""
        if table not in self._columns:
            return iter(())
        missing = {c for c in columns if c not in self._columns[table]}
        if missing:
            raise SourceError(
                f"{self._place}: the table {table} has no {', '.join(sorted(missing))}; it is of an Optuna that is not "
                f"known here (schema {self.revision or 'without a number'})"
            )
        order = "param_id" if table == "trial_params" else "trial_id"  # parameters as they were asked for
        t = sa.table(table, *map(sa.column, {*columns, "trial_id", "study_id", order}))
        if table == "trials":
            query = sa.select(*[t.c[c] for c in columns]).where(t.c.study_id == study_id).order_by(t.c.trial_id)
        else:
            trials = sa.table("trials", sa.column("trial_id"), sa.column("study_id"))
            query = (
                sa.select(t.c.trial_id, *[t.c[c] for c in columns])
                .join_from(t, trials, t.c.trial_id == trials.c.trial_id)
                .where(trials.c.study_id == study_id)
                .order_by(t.c.trial_id, t.c[order])
            )
        # The driver of MySQL streams one result at a time, and here six of them are read side by side.
        streams = self._connection.dialect.name != "mysql"
        rows = self._connection.execute(query, execution_options={"yield_per": _BATCH} if streams else {})
        return self._limits.counted(rows)

    def _numbers(self, table: str, key: str, study_id: int) -> Iterator[Any]:
        """Return (trial's id, key, number) of a table of numbers."""
        if table not in self._columns:
            return iter(())
        has = self._columns[table]
        value = "intermediate_value" if "intermediate_value" in has else "value"
        kind = f"{value}_type"
        if kind not in has:
            rows = self._rows(table, [key, value], study_id)
            return ((i, k, math.nan if v is None else v) for i, k, v in rows)
        rows = self._rows(table, [key, value, kind], study_id)
        return ((i, k, _WORDS.get(w, v)) for i, k, v, w in rows)

    def _time(self, value: Any) -> float:
        if value is None:
            return math.nan
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return (moment.replace(tzinfo=UTC) if self._utc else moment).timestamp()


class _Following:
    """Rows that are sorted by the id of their trial, handed out trial by trial.

    Args:
        rows: the rows; the first cell is the id.
    """

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, itemgetter(0))
        self._next: tuple[int, list[Any]] | None = None
        self._advance()

    def of(self, trial_id: int) -> list[Any]:
        """Return the rows of a trial; ids are asked for in rising order."""
        while self._next is not None and self._next[0] < trial_id:
            self._advance()
        if self._next is None or self._next[0] != trial_id:
            return []
        found = self._next[1]
        self._advance()
        return found

    def _advance(self) -> None:
        for trial_id, rows in self._groups:
            self._next = whole(trial_id, "the id of a trial"), list(rows)
            return
        self._next = None


def _attributes(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Return attributes of rows of a name and a text of JSON."""
    found: dict[str, Any] = {}
    for key, text in rows:
        try:
            found[str(key)] = parsed(text)
        except DAMAGE as error:
            raise ValueError(f"the attribute {shown(key)} is {shown(text)}, and no JSON: {error}") from error
    return found


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdigit() else 0
