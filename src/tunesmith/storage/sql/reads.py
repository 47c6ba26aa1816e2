"""`Reader`: reads increments as columns, records of trials, the best trial, counts and studies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Activity, Block, Increment, StudyRecord
from tunesmith.storage.checks import study_gone
from tunesmith.storage.sql import queries
from tunesmith.storage.sql.integrity import (
    Types,
    check_each,
    check_types,
    damaged,
    decoding,
    read_directions,
    require,
)
from tunesmith.storage.sql.rows import (
    AttrsByAttempt,
    IncrementColumns,
    attach_attempts,
    attach_attr,
    join_curves,
    read_record,
)
from tunesmith.storage.sql.schema import SYSTEM, USER
from tunesmith.storage.sql.session import Row, Session, Values
from tunesmith.storage.sql.space_cache import SpaceCache
from tunesmith.storage.sql.values import attr_from_json
from tunesmith.trial.record import TrialRecord

_UNFINISHED = frozenset({TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED})
_CHUNK = 4096  # rows in memory as Python objects at a time


def _of_trials(found: list[Row], finished: NDArray[np.int64], pending: list[Row]) -> list[Row]:
    """Leave out the reports of waiting trials: they belong to attempts that ended."""
    shown = {*finished.tolist(), *(row[0] for row in pending)}
    return found if all(row[0] in shown for row in found) else [row for row in found if row[0] in shown]


def _by_numbers(session: Session, by_width: Mapping[int, Any], study_id: int, numbers: Sequence[int]) -> list[Row]:
    """Return the rows of a query of `queries._for_numbers`."""
    rows: list[Row] = []
    width = _width(len(numbers))
    for start in range(0, len(numbers), width):
        part = _named_numbers(list(numbers[start : start + width]), width)
        rows += session.rows(by_width[width], study=study_id, **part)
    return rows


def _width(n: int) -> int:
    return next((w for w in queries.WIDTHS if n <= w), queries.WIDTHS[-1])


def _named_numbers(numbers: list[int], width: int) -> dict[str, Values]:
    """Return the parameters for some numbers; the last one fills up the width."""
    filled = numbers + (numbers[-1:] or [-1]) * (width - len(numbers))
    return {f"n{i}": number for i, number in enumerate(filled)}


class Reader:
    """Reads studies and trials inside a transaction.

    Args:
        known: the spaces that were read or written before.
        where: the name of the database in errors.
    """

    def __init__(self, known: SpaceCache, where: str) -> None:
        self._spaces = known
        self._where = where

    def space(self, session: Session, space_id: int) -> Space:
        """Return a space by its id in the database."""
        known = self._spaces.by_id(space_id)
        if known is not None:
            return known
        row = session.row(queries.ONE_SPACE, space=space_id)
        if row is None:
            raise damaged(self._where, f"space {space_id}", "it is not there")
        return self._read_space(space_id, *row)

    def _read_space(self, space_id: int, text: str, digest: str) -> Space:
        with decoding(self._where, f"space {space_id}"):
            return self._spaces.read(space_id, text, digest)

    def _spaces_of(self, session: Session, study_id: int, ids: Iterable[int | None]) -> Mapping[int | None, Space]:
        """Return spaces by their ids; a few unknown ones are read by one query each, many by one query."""
        wanted = {i for i in ids if i is not None}
        found: dict[int | None, Space] = {i: space for i in wanted if (space := self._spaces.by_id(i)) is not None}
        unknown = wanted - found.keys()
        if len(unknown) > 4:
            for space_id, text, digest in session.rows(queries.SPACES, study=study_id):
                if space_id in unknown:
                    found[space_id] = self._read_space(space_id, text, digest)
            if missing := unknown - found.keys():
                raise damaged(self._where, f"space {min(missing)}", "it is not there")
        else:
            found |= {i: self.space(session, i) for i in unknown}
        return found

    # -- increments --------------------------------------------------------------------------------------------

    def activity(self, session: Session, study_id: int, own: Collection[int]) -> Activity:
        """Return what tells whether others did anything; where `own` has too many numbers, the last are others."""
        width = _width(len(own))
        numbers = _named_numbers(list(own)[:width], width)
        rows = session.rows(queries.ACTIVITY[width], study=study_id, **numbers)
        if not rows:
            raise study_gone(study_id, self._where)
        return Activity(rows[0][0], tuple((n, bool(begun), k) for _, n, begun, k in rows if n is not None))

    def increment(self, session: Session, study_id: int, cursor: int) -> Increment:
        """Return what was recorded since a cursor; called inside a snapshot of the database."""
        version, last, m = self._read_counters(session, self._need(session, study_id))
        columns = IncrementColumns(m, cursor, session.dialect.loose)
        if last > cursor:
            with decoding(self._where, f"finished trials of study {study_id}"):
                for rows in session.chunks(queries.COLUMNS, _CHUNK, study=study_id, cursor=cursor):
                    columns.add(rows)
                require(
                    columns.count == last - cursor, f"{last - cursor} of them are expected and {columns.count} there"
                )
        if cursor <= 0:
            found = session.rows(queries.ALL_REPORTS, study=study_id)
        else:
            found = session.rows(queries.REPORTS_OF_PENDING, study=study_id)
            if last > cursor:
                found = session.rows(queries.REPORTS_OF_FINISHED, study=study_id, cursor=cursor) + found
        self._check_types(session, found, queries.TYPES_OF_REPORT, "reports")
        pending = session.rows(queries.FULL_PENDING, study=study_id)
        self._check_types(session, pending, queries.TYPES_OF_TRIAL, "running and paused trials")
        known = self._spaces_of(session, study_id, [*columns.points, *(row[4] for row in pending)])
        with decoding(self._where, f"finished trials of study {study_id}"):
            points = columns.points_by_space()
            for i, (_, x) in points.items():
                self._check_points(known[i], x)
        with decoding(self._where, "reports"):
            reports = join_curves(found if cursor > 0 else _of_trials(found, columns.join(0), pending), m)
        open_ones = self._read_records(pending, known, m, session.dialect.loose)
        return Increment(
            cursor=max(last, cursor),
            version=version,
            number=columns.join(0),
            state=columns.join(1),
            sampler_state=columns.join(2),
            attempt=columns.join(3),
            cost=columns.join(4),
            failure=columns.join(5),
            values=columns.values(),
            blocks=[Block(known[i], at, x) for i, (at, x) in points.items()],
            constraints=columns.constraints,
            noise=columns.noise,
            reports=reports,
            running=[t for t in open_ones if t.state is TrialState.RUNNING],
            paused=[t for t in open_ones if t.state is TrialState.PAUSED],
        )

    def _read_counters(self, session: Session, row: Row) -> tuple[int, int, int]:
        """Return a study's version, its last seq and its number of objectives."""
        with decoding(self._where, "a study's counters"):
            if session.dialect.loose:
                check_types([row], queries.TYPES_OF_COUNTERS)
            return row[0], row[1], len(read_directions(row[2]))

    def _check_types(self, session: Session, rows: Sequence[Row], expected: Sequence[Types], what: str) -> None:
        if session.dialect.loose:
            with decoding(self._where, what):
                check_types(rows, expected)

    def _check_points(self, space: Space, x: NDArray[np.float64]) -> None:
        require(x.shape[1] == len(space), f"a point has {x.shape[1]} values, and its space {len(space)} parameters")
        if fault := self._spaces.range_of(space).fault(x):
            raise ValueError(fault)

    def _read_records(
        self, rows: Sequence[Row], known: Mapping[int | None, Space], m: int, loose: bool
    ) -> list[TrialRecord]:
        """Return rows of ``queries.FULL`` as records, once all of their points are seen to lie in their spaces."""
        made = check_each(rows, lambda row: read_record(row, known, m, loose), self._where, "trial")
        by_space: dict[int, list[Row]] = {}
        for row in rows:
            if row[4] is not None and row[5] is not None:
                by_space.setdefault(row[4], []).append(row)
        for space_id, some in by_space.items():
            x = np.frombuffer(b"".join(row[5] for row in some), "<f8").reshape(len(some), -1)
            with decoding(
                self._where, f"trials {some[0][0]} to {some[-1][0]}" if len(some) > 1 else f"trial {some[0][0]}"
            ):
                self._check_points(known[space_id], x)
        return made

    # -- records -----------------------------------------------------------------------------------------------

    def records(
        self, session: Session, study_id: int, numbers: Sequence[int] | None, states: Collection[TrialState] | None
    ) -> list[TrialRecord]:
        """Return whole records by number."""
        wanted = None if numbers is None else sorted({int(n) for n in numbers})  # a driver takes no NumPy integers
        if wanted is None and states is not None and not _UNFINISHED.issuperset(states):
            wanted = self._few_of(session, study_id, frozenset(map(int, states)))
        if wanted is not None:
            rows, notes, curves = (_by_numbers(session, query, study_id, wanted) for query in queries.RECORDS_BY_NUMBER)
        else:
            unfinished = states is not None and _UNFINISHED.issuperset(states)
            some = queries.UNFINISHED_RECORDS if unfinished else queries.ALL_RECORDS
            rows, notes, curves = (session.rows(query, study=study_id) for query in some)
        counters = self._need(session, study_id)
        self._check_types(session, rows, queries.TYPES_OF_TRIAL, "trials")
        self._check_types(session, notes, queries.TYPES_OF_ATTR, "attributes")
        self._check_types(session, curves, queries.TYPES_OF_REPORT, "reports")
        known = self._spaces_of(session, study_id, (row[4] for row in rows))
        m = self._read_counters(session, counters)[2]
        found = {t.number: t for t in self._read_records(rows, known, m, session.dialect.loose)}
        if wanted is not None and len(found) < len(wanted):
            missing = [n for n in wanted if n not in found]
            raise KeyError(f"the study has no trial {', '.join(map(str, missing[:8]))}")
        by_attempt: AttrsByAttempt = {}
        check_each(notes, lambda row: attach_attr(found, by_attempt, row), self._where, "the attributes of trial")
        attach_attempts(found, by_attempt, curves, m)
        chosen = (found[n] for n in sorted(found))
        return [t for t in chosen if states is None or t.state in states]

    def _few_of(self, session: Session, study_id: int, states: Collection[int]) -> list[int] | None:
        """Return the numbers of the trials in some states; None: they are so many that all records are read."""
        found, n = [], 0
        for rows in session.chunks(queries.NUMBERS_BY_STATE, _CHUNK, study=study_id):
            n += len(rows)
            found += [number for number, state in rows if state in states]
        return found if len(found) < n / 8 else None

    def user_attrs(self, session: Session, study_id: int) -> dict[int, dict[str, Any]]:
        """Return the user attributes of all trials that have any, by number; those of the latest attempt count."""
        self._need(session, study_id)
        found: dict[int, dict[str, Any]] = {}
        for rows in session.chunks(queries.USER_ATTRS, _CHUNK, study=study_id):
            self._check_types(session, rows, queries.TYPES_OF_ATTR, "attributes")
            read = check_each(rows, lambda row: attr_from_json(row[4]), self._where, "the attributes of trial")
            for (number, _, _, key, _), value in zip(rows, read, strict=True):
                found.setdefault(number, {})[key] = value
        return found

    def named(self, session: Session, study_id: int, numbers: Sequence[int]) -> list[TrialRecord]:
        """Return whole records of trials that the database itself named; one that is not there is damage."""
        try:
            return self.records(session, study_id, numbers, None)
        except KeyError as error:
            raise damaged(self._where, "its indexes", f"{error.args[0]}, which they have") from None

    def best(self, session: Session, study_id: int, direction: str) -> TrialRecord | None:
        """Return the best feasible complete trial by its first value, the lowest number among equals."""
        row = session.row(queries.BEST[direction], study=study_id)
        if row is None or row[0] is None:
            self._need(session, study_id)
            lost = session.row(queries.RANKED_WITHOUT_INDEX, study=study_id) if session.dialect.loose else None
            if lost is not None and lost[0] is not None:
                raise damaged(self._where, "its indexes", f"they do not have trial {lost[0]}, which is complete")
            return None
        (found,) = self.named(session, study_id, [row[0]])
        with decoding(self._where, f"trial {found.number}"):
            require(found.state is TrialState.COMPLETE and found.feasible, "an index has it among the complete ones")
        return found

    def count(self, session: Session, study_id: int) -> dict[TrialState, int]:
        """Return the number of trials by state."""
        rows = session.rows(queries.COUNT_FINISHED, study=study_id) + session.rows(queries.COUNT_OPEN, study=study_id)
        if not rows:
            self._need(session, study_id)
        with decoding(self._where, "the states of trials"):
            counts: dict[TrialState, int] = {}
            for state, n in rows:  # an ended trial may have no place yet, and be among the open ones
                counts[TrialState(state)] = counts.get(TrialState(state), 0) + n
            return counts

    def _need(self, session: Session, study_id: int) -> Row:
        """Return a study's counters: so one without trials is told from one that is not there."""
        row = session.row(queries.COUNTERS, study=study_id)
        if row is None:
            raise study_gone(study_id, self._where)
        return row

    # -- studies -----------------------------------------------------------------------------------------------

    def study(self, session: Session, row: Row) -> StudyRecord:
        """Return a row of ``queries.STUDY_FIELDS`` as a record, with its space and attributes."""
        self._check_types(session, [row], queries.TYPES_OF_STUDY, "a study")
        study_id, name, directions, seed, space_id, created = row
        space = None if space_id is None else self.space(session, space_id)
        notes = session.rows(queries.STUDY_ATTRS, study=study_id)
        with decoding(self._where, f"the study {name!r}"):
            require(0 <= seed < 2**63, f"its seed is {seed}")
            record = StudyRecord(study_id, name, read_directions(directions), seed, space, created)
        with decoding(self._where, f"the attributes of the study {name!r}"):
            for kind, key, value in notes:
                require(kind in (USER, SYSTEM), f"{key!r} is of no known kind")
                (record.user if kind == USER else record.system)[key] = attr_from_json(value)
        return record
