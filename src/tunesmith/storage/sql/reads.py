"""Queries, and `Reader`, which reads increments as columns, records of trials, the best trial, counts and studies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sqlalchemy as sa  # noqa: TID253 - see schema.py
from numpy.typing import NDArray

from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.storage.base import Activity, Block, Increment, Moment, StudyRecord
from tunesmith.storage.checks import study_gone
from tunesmith.storage.sql import schema
from tunesmith.storage.sql import values as stored
from tunesmith.storage.sql.connections import Row, Session, Values
from tunesmith.storage.sql.schema import STUDY_ID, attrs, metrics, reports, spaces, studies, trials
from tunesmith.storage.sql.values import CostlyCurve, SpaceCache, decoding, expect
from tunesmith.trial.metrics import Metrics, joined
from tunesmith.trial.record import LATE_RESULT, NAN, NOISE, Attempt, TrialRecord, curve

_t, _s, _r, _a, _m = trials.c, studies.c, reports.c, attrs.c, metrics.c
NUMBER_BITS = 64  # of a number of a trial, its sign among them: no other can be there
NUMBERS_AT_ONCE = (1, 16, 256)  # few statements serve any count of numbers
_TRIALS_OF_STUDY = _t.study_id == STUDY_ID
_IS_PENDING = _t.state.in_([schema.RUNNING, schema.PAUSED])
_OF_STUDY_ITSELF: sa.ColumnClause[int] = sa.literal_column(str(schema.OF_STUDY))

_OF_OTHERS = (_t.study_id == _s.id) & schema.NO_SEQ & (_t.state == schema.RUNNING)
_N_REPORTS = (
    sa.select(sa.func.count())
    .where(_r.study_id == _t.study_id, _r.number == _t.number)
    .correlate(trials)
    .scalar_subquery()
)
COUNTERS = sa.select(_s.version, _s.last_seq, _s.directions).where(_s.id == STUDY_ID)
SPACES = sa.select(spaces.c.id, spaces.c.space, spaces.c.hash).where(spaces.c.study_id == STUDY_ID)
ONE_SPACE = sa.select(spaces.c.space, spaces.c.hash).where(spaces.c.id == sa.bindparam("space"))

_NOISE_OF_TRIAL = (
    sa.select(_a.value)
    .where(
        _a.study_id == _t.study_id,
        _a.number == _t.number,
        _a.kind == sa.literal_column(str(schema.SYSTEM)),
        _a.key == sa.literal_column(f"'{NOISE}'"),
        _a.attempt == _t.attempt,
    )
    .scalar_subquery()
)
FINISHED_COLUMNS = (
    sa.select(
        _t.seq, _t.number, _t.state, _t.tag, _t.attempt, _t.cost, _t.y, _t.value, _t.feasible, _t.x, _t.space_id,
        _t.constraints, _t.failure, _NOISE_OF_TRIAL,
    )
    .where(_TRIALS_OF_STUDY, _t.seq > sa.bindparam("cursor"))
    .order_by(_t.seq)
)  # fmt: skip
_REPORTS = sa.select(_r.number, _r.attempt, _r.step, _r.value, _r.cost)
ALL_REPORTS = _REPORTS.where(_r.study_id == STUDY_ID).order_by(_r.number, _r.attempt, _r.step)
_NEW_REPORTS = _REPORTS.join(trials, (_t.study_id == _r.study_id) & (_t.number == _r.number)).where(_TRIALS_OF_STUDY)
REPORTS_OF_FINISHED = _NEW_REPORTS.where(_t.seq > sa.bindparam("cursor"))
REPORTS_OF_PENDING = _NEW_REPORTS.where(schema.NO_SEQ, _IS_PENDING)

WHOLE_TRIAL = sa.select(
    _t.number, _t.state, _t.attempt, _t.seq, _t.space_id, _t.x, _t.y, _t.value, _t.feasible, _t.tag, _t.cost,
    _t.constraints, _t.reason, _t.started, _t.finished, _t.worker, _t.fixed, _t.crashes, _t.token, _t.failure,
)  # fmt: skip
FULL_PENDING = WHOLE_TRIAL.where(_TRIALS_OF_STUDY, schema.NO_SEQ, _IS_PENDING).order_by(_t.number)
FULL_OPEN = WHOLE_TRIAL.where(_TRIALS_OF_STUDY, schema.NO_SEQ).order_by(_t.number)
_ATTRS = sa.select(_a.number, _a.attempt, _a.kind, _a.key, _a.value)
ALL_ATTRS = _ATTRS.where(_a.study_id == STUDY_ID, _a.number != _OF_STUDY_ITSELF)
USER_ATTRS = ALL_ATTRS.where(_a.kind == sa.literal_column(str(schema.USER))).order_by(_a.number, _a.attempt)

# Two looks into the index of feasible complete trials: for the best value, and for the lowest number that has it.
_RANKED = (_TRIALS_OF_STUDY, schema.RANKED)
BEST = {
    direction: sa.select(sa.func.min(_t.number)).where(
        *_RANKED, _t.value == sa.select(extreme(_t.value)).where(*_RANKED).scalar_subquery()
    )
    for direction, extreme in (("minimize", sa.func.min), ("maximize", sa.func.max))
}
# SQLite reads the index alone and does not notice that a part of it was lost; with the sum it reads the table.
_WITHOUT_INDEX = [column + sa.literal_column("0") == sa.literal_column("1") for column in (_t.state, _t.feasible)]
RANKED_WITHOUT_INDEX = sa.select(sa.func.min(_t.number)).where(_TRIALS_OF_STUDY, *_WITHOUT_INDEX)
COUNT_FINISHED = sa.select(_t.state, sa.func.count()).where(_TRIALS_OF_STUDY, schema.HAS_SEQ).group_by(_t.state)
COUNT_OPEN = sa.select(_t.state, sa.func.count()).where(_TRIALS_OF_STUDY, schema.NO_SEQ).group_by(_t.state)

STUDY_FIELDS = sa.select(_s.id, _s.name, _s.directions, _s.seed, _s.space_id, _s.created)
ALL_STUDIES = STUDY_FIELDS.order_by(_s.id)
STUDY_BY_NAME = STUDY_FIELDS.where(_s.name == sa.bindparam("name"))
STUDY_BY_ID = STUDY_FIELDS.where(_s.id == STUDY_ID)
STUDY_NAMES = sa.select(_s.name)
STUDY_ATTRS = sa.select(_a.kind, _a.key, _a.value).where(_a.study_id == STUDY_ID, _a.number == _OF_STUDY_ITSELF)


def _number_parameters(width: int) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(f"n{i}") for i in range(width)]


def _for_numbers(base: sa.Select[Any], column: Any) -> dict[int, sa.Select[Any]]:
    """Return the query for several trial numbers by width."""
    return {width: base.where(column.in_(_number_parameters(width))) for width in NUMBERS_AT_ONCE}


# The version, and what the running trials have reported but for some: in one statement.
ACTIVITY = {
    width: sa.select(_s.version, _t.number, _t.x.is_not(None), _N_REPORTS)
    .select_from(studies.outerjoin(trials, _OF_OTHERS & _t.number.not_in(_number_parameters(width))))
    .where(_s.id == STUDY_ID)
    .order_by(_t.number)
    for width in NUMBERS_AT_ONCE
}

# What records are made of: trials, attributes, reports.
RECORDS_BY_NUMBER = (
    _for_numbers(WHOLE_TRIAL.where(_TRIALS_OF_STUDY), _t.number),
    _for_numbers(ALL_ATTRS, _a.number),
    _for_numbers(ALL_REPORTS, _r.number),
)


_PIECES = sa.select(_m.number, _m.attempt, _m.name, _m.piece, _m.first, _m.steps, _m.y)
_ALL_PIECES = _PIECES.where(_m.study_id == STUDY_ID)
_PIECES_OF_NAME = _ALL_PIECES.where(_m.name == sa.bindparam("name"))
_PIECES_BY_NUMBER = _for_numbers(_ALL_PIECES, _m.number)
_PIECES_OF_NAME_BY_NUMBER = _for_numbers(_PIECES_OF_NAME, _m.number)
_WHO_LOGGED = sa.select(_m.name, _m.number).where(_m.study_id == STUDY_ID).distinct()
_WHO_LOGGED_IT = _WHO_LOGGED.where(_m.name == sa.bindparam("name"))


@cache
def _records_in(states: frozenset[TrialState] | None) -> tuple[sa.Select[Any], ...]:
    """Return the three queries for the records of all trials that are in some states; None: in any."""
    if states is None:
        return WHOLE_TRIAL.where(_TRIALS_OF_STUDY).order_by(_t.number), ALL_ATTRS, ALL_REPORTS
    these = [_TRIALS_OF_STUDY, _t.state.in_([sa.literal_column(str(int(state))) for state in sorted(states)])]
    if states <= stored.OPEN_STATES:  # a short stretch of an index
        these.append(schema.NO_SEQ)
    notes = _ATTRS.join(trials, (_t.study_id == _a.study_id) & (_t.number == _a.number))
    return WHOLE_TRIAL.where(*these).order_by(_t.number), notes.where(*these), _NEW_REPORTS.where(*these)


@cache
def _types_of(query: sa.Select[Any]) -> list[set[type[Any]]]:
    """Return the types that each column of a query may hold, which SQLite does not enforce."""
    return [
        {column.type.python_type, type(None)} if getattr(column, "nullable", True) else {column.type.python_type}
        for column in query.selected_columns
    ]


MOST_ATTEMPTS = 100_000  # more than any trial has; a damaged row may have 2**31
_FAILURE_KINDS = frozenset({0, *FailureKind})
_FINISHED_STATES = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})


def read_record(row: Row, known: Mapping[int | None, Space], m: int, loose: bool) -> TrialRecord:
    """Return a row of `WHOLE_TRIAL` as a record."""
    (n, state, attempt, seq, space_id, x, y, first, feasible, sampler_state, cost, limits, reason, started, finished,
     worker, fixed, crashes, token, failure) = row  # fmt: skip
    space = None if space_id is None else known[space_id]
    possible = 1 <= attempt < MOST_ATTEMPTS and 0 <= crashes <= attempt
    # A server gives places later, see writes.py.
    misplaced = seq is not None if state in stored.OPEN_STATES else seq is None and loose
    if misplaced or n < 0 or not possible:
        raise ValueError(f"number {n}, state {state}, attempt {attempt}, crashes {crashes}, seq {seq}")
    if x is not None and len(x) != (0 if space is None else 8 * len(space)):
        raise ValueError("its point does not fit its space")
    values = None if y is None else stored.floats_from_bytes(y)
    if values is not None and len(y) != 8 * m:
        raise ValueError("it does not have one value for each objective")
    if state == TrialState.COMPLETE and (values is None or any(v != v for v in values)):
        raise ValueError("it has no values")
    stored.check_first(first, values)
    return TrialRecord(
        n,
        TrialState(state),
        space=space,
        x=None if x is None else list(stored.floats_from_bytes(x)),
        values=values,
        attempt=attempt,
        sampler_state=sampler_state,
        cost=stored.float_or_nan(cost),
        constraints=stored.constraints_from_json(limits, feasible),
        reason=reason,
        started=stored.float_or_nan(started),
        finished=stored.float_or_nan(finished),
        worker=worker,
        fixed=stored.fixed_from_json(fixed),
        seq=seq or 0,
        crashes=crashes,
        token=max(token, 0),  # below zero: a mark of `writes.add`
        failure=None if failure is None else FailureKind(failure),
    )


def read_attr(row: Row) -> Any:
    """Return the value of a row of attributes."""
    expect(row[2] in (schema.USER, schema.SYSTEM), f"{row[3]!r} is of no known kind")
    return stored.attr_from_json(row[4])


def attach_attempts(
    found: Mapping[int, TrialRecord], notes: Iterable[tuple[Row, Any]], curves: Iterable[Row], m: int
) -> None:
    """Put attributes, reports of m objectives, and what earlier attempts left, into the records of their trials.

    Args:
        found: the records by number; rows of others are left out.
        notes: rows of attributes with their values.
        curves: rows of reports.
    """
    noted: dict[int, dict[int, tuple[dict[str, Any], dict[str, Any]]]] = {}  # (user, own) by trial and attempt
    for (n, attempt, kind, key, _), value in notes:
        noted.setdefault(n, {}).setdefault(attempt, ({}, {}))[kind][key] = value
    reported = _by_attempt((row for row in curves if row[0] in found), m)
    for n in found.keys() & (noted.keys() | reported.keys()) | {n for n, trial in found.items() if trial.attempt > 1}:
        trial, notes_of_trial, reports_of_trial = found[n], noted.get(n, {}), reported.get(n, {})
        user: dict[str, Any] = {}
        system: dict[str, Any] = {}
        earlier = []
        for attempt in range(1, trial.attempt + 1):
            its_user, own = notes_of_trial.get(attempt, ({}, {}))
            user = {**user, **its_user}
            reports, costs = _values_and_costs(reports_of_trial.get(attempt, {}))
            if attempt < trial.attempt:
                end, late = own.pop(stored.ATTEMPT_ENDED, {}), own.pop(LATE_RESULT, None)
                failure = None if end.get("failure") is None else FailureKind(end["failure"])
                worker = end.get("worker", "")
                earlier.append(Attempt(attempt, reports or {}, user, failure, worker, late, costs=costs or {}))
            else:
                trial.reports, trial.costs = reports, costs
            system |= own
        trial.user, trial.system, trial.previous_attempts = user or None, system or None, tuple(earlier)


def join_curves(rows: list[Row], m: int) -> list[tuple[int, int, Reported, float]]:
    """Return rows of reports of m objectives, with attempts, as one curve a trial: (number, step, value, cost)."""
    if m == 1 and all(row[1] == 1 for row in rows):
        return [(n, step, stored.float_or_nan(value), stored.float_or_nan(cost)) for n, _, step, value, cost in rows]
    by_number = _by_attempt(rows, m)
    return [
        (n, step, *found)
        for n, attempts in by_number.items()
        for step, found in curve([attempts[a] for a in sorted(attempts)]).items()
    ]


def _by_attempt(rows: Iterable[Row], m: int) -> dict[int, dict[int, CostlyCurve]]:
    """Return rows of reports of m objectives by number and attempt."""
    found: dict[int, dict[int, dict[int, tuple[float, float]]]] = {}
    for n, attempt, step, value, cost in rows:
        found.setdefault(n, {}).setdefault(attempt, {})[step] = (stored.float_or_nan(value), stored.float_or_nan(cost))
    return {
        n: {attempt: stored.as_reports(own, m) for attempt, own in attempts.items()} for n, attempts in found.items()
    }


def _values_and_costs(found: CostlyCurve) -> tuple[dict[int, Reported] | None, dict[int, float] | None]:
    """Return the values by step, and the costs that are known."""
    values = {step: value for step, (value, _) in found.items()}
    return values or None, {step: cost for step, (_, cost) in found.items() if cost == cost} or None


class IncrementColumns:
    """Turns rows of `FINISHED_COLUMNS` into arrays, chunk by chunk."""

    def __init__(self, m: int, cursor: int, loose: bool) -> None:
        self.m = m
        self._cursor = max(0, cursor)
        self._loose = loose  # whether the database lets a column hold any type
        self.count = 0
        self.constraints: dict[int, dict[str, float]] = {}
        self.noise: dict[int, list[float]] = {}
        self._points: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}  # places and points
        # number, state, sampler_state, attempt, cost, failure
        self._parts = [[np.empty(0, kind)] for kind in (np.int64, np.int8, np.int64, np.int64, np.float64, np.int8)]
        self._values: list[NDArray[np.float64]] = [np.empty((0, m))]
        self._nothing = stored.floats_to_bytes([NAN] * m) or b""

    def add(self, rows: list[Row]) -> None:
        """Append rows."""
        if self._loose:
            stored.check_types(rows, _types_of(FINISHED_COLUMNS))
        (seqs, numbers, states, sampler_states, attempts, costs, ys, firsts, feasible, xs, ids, limits, failures,
         errors) = zip(*rows, strict=True)  # fmt: skip
        expect(set(states) <= _FINISHED_STATES, "a finished trial has the state of another")
        start = self.count
        self.count += len(rows)
        expected = range(self._cursor + start + 1, self._cursor + self.count + 1)
        expect(seqs == tuple(expected), "their places in the order of ends have gaps")
        if None in costs:
            costs = tuple(map(stored.float_or_nan, costs))
        failures = tuple(kind or 0 for kind in failures)
        expect(set(failures) <= _FAILURE_KINDS, "a trial failed in an unknown way")
        columns = (numbers, states, sampler_states, attempts, costs, failures)
        for parts, column in zip(self._parts, columns, strict=True):
            parts.append(np.array(column, parts[0].dtype))
        if None in ys:
            ys = tuple(self._nothing if y is None else y for y in ys)
        expect(set(map(len, ys)) == {8 * self.m}, "a trial does not have one value for each objective")
        values = np.frombuffer(b"".join(ys), "<f8").reshape(-1, self.m)
        copies = np.array(firsts, np.float64)  # None becomes NaN
        expect(stored.same_values(copies, values[:, 0]), "the two copies of a trial's value differ")
        complete = np.array(states) == TrialState.COMPLETE
        expect(not np.isnan(values[complete]).any(), "a complete trial has no value")
        self._values.append(values)
        at: dict[int, list[int]] = {}
        for i, space_id in enumerate(ids):
            if space_id is not None:
                at.setdefault(space_id, []).append(i)
        for space_id, places in at.items():
            expect(len({len(xs[i]) for i in places}) == 1, "points of one space differ in length")
            x = np.frombuffer(b"".join([xs[i] for i in places]), "<f8").astype(np.float64, copy=False)
            own = np.array(places, np.int64) + start, x.reshape(len(places), len(x) // len(places))
            self._points.setdefault(space_id, []).append(own)
        if any(limits) or set(feasible) != {1}:
            for i, (text, flag) in enumerate(zip(limits, feasible, strict=True)):
                if (found := stored.constraints_from_json(text, flag)) is not None:
                    self.constraints[start + i] = found
        if any(errors):
            self.noise |= {
                start + i: stored.read_noise(text, self.m) for i, text in enumerate(errors) if text is not None
            }

    def join(self, column: int) -> NDArray[Any]:
        """Return one column."""
        return np.concatenate(self._parts[column])

    def values(self) -> NDArray[np.float64]:
        """Return the values, float64[n, m]."""
        return np.concatenate(self._values)

    def points_by_space(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return for each space id the places int64[k] and the points float64[k, d]."""
        return {
            space_id: (np.concatenate([at for at, _ in parts]), np.concatenate([x for _, x in parts]))
            for space_id, parts in self._points.items()
        }


ROWS_AT_ONCE = 4096  # rows in memory as Python objects at a time


def _of_shown_trials(found: list[Row], finished: NDArray[np.int64], pending: list[TrialRecord]) -> list[Row]:
    """Leave out the reports of waiting trials: they belong to attempts that ended."""
    shown = {*finished.tolist(), *(t.number for t in pending)}
    return found if all(row[0] in shown for row in found) else [row for row in found if row[0] in shown]


def _by_numbers(
    session: Session, by_width: Mapping[int, Any], study_id: int, numbers: Sequence[int], **more: Values
) -> list[Row]:
    """Return the rows of a query of `_for_numbers`; `more` are its further parameters."""
    rows: list[Row] = []
    width = _width(len(numbers))
    for start in range(0, len(numbers), width):
        part = _named_numbers(list(numbers[start : start + width]), width)
        rows += session.rows(by_width[width], study=study_id, **part, **more)
    return rows


def _width(n: int) -> int:
    return next((w for w in NUMBERS_AT_ONCE if n <= w), NUMBERS_AT_ONCE[-1])


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
        row = session.row(ONE_SPACE, space=space_id)
        if row is None:
            raise stored.damaged(self._where, f"space {space_id}", "it is not there")
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
            for space_id, text, digest in session.rows(SPACES, study=study_id):
                if space_id in unknown:
                    found[space_id] = self._read_space(space_id, text, digest)
            if missing := unknown - found.keys():
                raise stored.damaged(self._where, f"space {min(missing)}", "it is not there")
        else:
            found |= {i: self.space(session, i) for i in unknown}
        return found

    # -- increments --------------------------------------------------------------------------------------------

    def activity(self, session: Session, study_id: int, own: Collection[int]) -> Activity:
        """Return what tells whether others did anything; where `own` has too many numbers, the last are others."""
        width = _width(len(own))
        numbers = _named_numbers(list(own)[:width], width)
        rows = session.rows(ACTIVITY[width], study=study_id, **numbers)
        if not rows:
            raise study_gone(study_id, self._where)
        return Activity(rows[0][0], tuple((n, bool(begun), k) for _, n, begun, k in rows if n is not None))

    def increment(self, session: Session, study_id: int, cursor: int) -> Increment:
        """Return what was recorded since a cursor; called inside a snapshot of the database."""
        return self._since(session, study_id, cursor, FULL_PENDING)[0]

    def moment(self, session: Session, row: Row, cursor: int) -> Moment:
        """Return a row of `STUDY_FIELDS` as a study, with what was recorded since a cursor; called likewise."""
        record = self.study(session, row)
        return Moment(record, *self._since(session, record.id, cursor, FULL_OPEN))

    def _since(
        self, session: Session, study_id: int, cursor: int, open_trials: sa.Select[Any]
    ) -> tuple[Increment, list[TrialRecord]]:
        """Return what was recorded since a cursor, and the waiting trials, if the query of open ones has these."""
        version, last, m = self._read_counters(session, self._need(session, study_id))
        columns = IncrementColumns(m, cursor, session.dialect.loose)
        if last > cursor:
            with decoding(self._where, f"finished trials of study {study_id}"):
                for rows in session.chunks(FINISHED_COLUMNS, ROWS_AT_ONCE, study=study_id, cursor=cursor):
                    columns.add(rows)
                expect(
                    columns.count == last - cursor, f"{last - cursor} of them are expected and {columns.count} there"
                )
        if cursor <= 0:
            found = self._rows(session, "reports", ALL_REPORTS, study=study_id)
        else:
            found = self._rows(session, "reports", REPORTS_OF_PENDING, study=study_id)
            if last > cursor:
                new = self._rows(session, "reports", REPORTS_OF_FINISHED, study=study_id, cursor=cursor)
                found = new + found
        unfinished = self._rows(session, "trials that have not ended", open_trials, study=study_id)
        with decoding(self._where, f"finished trials of study {study_id}"):
            points = columns.points_by_space()
            known = self._spaces_of(session, study_id, [*points, *(row[4] for row in unfinished)])
            for i, (_, x) in points.items():
                self._check_points(known[i], x)
        open_ones = self._read_records(unfinished, known, m, session.dialect.loose)
        waiting = [t for t in open_ones if t.state is TrialState.WAITING]
        pending = [t for t in open_ones if t.state is not TrialState.WAITING]
        with decoding(self._where, "reports"):
            reports = join_curves(found if cursor > 0 else _of_shown_trials(found, columns.join(0), pending), m)
        increment = Increment(
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
            running=[t for t in pending if t.state is TrialState.RUNNING],
            paused=[t for t in pending if t.state is TrialState.PAUSED],
        )
        return increment, waiting

    def _read_counters(self, session: Session, row: Row) -> tuple[int, int, int]:
        """Return a study's version, its last seq and its number of objectives."""
        with decoding(self._where, "a study's counters"):
            if session.dialect.loose:
                stored.check_types([row], _types_of(COUNTERS))
            return row[0], row[1], len(stored.read_directions(row[2]))

    def _rows(self, session: Session, what: str, query: sa.Select[Any], **values: Values) -> list[Row]:
        """Return the rows of a query, each value of the type of its column."""
        return self._checked(session, what, session.rows(query, **values), query)

    def _checked(self, session: Session, what: str, rows: list[Row], query: sa.Select[Any]) -> list[Row]:
        if session.dialect.loose:
            with decoding(self._where, what):
                stored.check_types(rows, _types_of(query))
        return rows

    def _check_points(self, space: Space, x: NDArray[np.float64]) -> None:
        expect(x.shape[1] == len(space), f"a point has {x.shape[1]} values, and its space {len(space)} parameters")
        if fault := self._spaces.range_of(space).fault(x):
            raise ValueError(fault)

    def _read_records(
        self, rows: Sequence[Row], known: Mapping[int | None, Space], m: int, loose: bool
    ) -> list[TrialRecord]:
        """Return rows of `WHOLE_TRIAL` as records, once all of their points are seen to lie in their spaces."""
        made = stored.check_each(rows, lambda row: read_record(row, known, m, loose), self._where, "trial")
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
        if wanted is not None:
            asked = [n for n in wanted if n.bit_length() < NUMBER_BITS]
            rows, notes, curves = (_by_numbers(session, query, study_id, asked) for query in RECORDS_BY_NUMBER)
        else:
            queries = _records_in(None if states is None else frozenset(states))
            rows, notes, curves = (session.rows(query, study=study_id) for query in queries)
        counters = self._need(session, study_id)
        for what, found_rows, query in (
            ("trials", rows, WHOLE_TRIAL),
            ("attributes", notes, _ATTRS),
            ("reports", curves, _REPORTS),
        ):
            self._checked(session, what, found_rows, query)
        known = self._spaces_of(session, study_id, (row[4] for row in rows))
        m = self._read_counters(session, counters)[2]
        found = {t.number: t for t in self._read_records(rows, known, m, session.dialect.loose)}
        if wanted is not None and len(found) < len(wanted):
            missing = [n for n in wanted if n not in found]
            raise KeyError(f"the study has no trial {', '.join(map(str, missing[:8]))}")
        values = stored.check_each(notes, read_attr, self._where, "the attributes of trial")
        attach_attempts(found, zip(notes, values, strict=True), curves, m)
        chosen = (found[n] for n in sorted(found))
        return [t for t in chosen if states is None or t.state in states]

    def user_attrs(self, session: Session, study_id: int) -> dict[int, dict[str, Any]]:
        """Return the user attributes of all trials that have any, by number; those of the latest attempt count."""
        self._need(session, study_id)
        found: dict[int, dict[str, Any]] = {}
        for rows in session.chunks(USER_ATTRS, ROWS_AT_ONCE, study=study_id):
            self._checked(session, "attributes", rows, USER_ATTRS)
            read = stored.check_each(rows, read_attr, self._where, "the attributes of trial")
            for (number, _, _, key, _), value in zip(rows, read, strict=True):
                found.setdefault(number, {})[key] = value
        return found

    def metrics(
        self, session: Session, study_id: int, numbers: Sequence[int] | None, names: Sequence[str] | None
    ) -> dict[int, Metrics]:
        """Return metrics by the number of the trial, over all attempts."""
        self._need(session, study_id)
        one = {"name": names[0]} if names is not None and len(names) == 1 else {}
        if numbers is not None:
            asked = sorted({int(n) for n in numbers if int(n).bit_length() < NUMBER_BITS})
            queries = _PIECES_OF_NAME_BY_NUMBER if one else _PIECES_BY_NUMBER
            rows = _by_numbers(session, queries, study_id, asked, **one)
        else:
            rows = session.rows(_PIECES_OF_NAME if one else _ALL_PIECES, study=study_id, **one)
        if names is not None:
            rows = [row for row in rows if row[2] in names]
        self._checked(session, "metrics", rows, _PIECES)
        read = stored.check_each(rows, lambda row: stored.read_piece(*row[4:]), self._where, "the metrics of trial")
        found: dict[int, dict[int, dict[int, Metrics]]] = {}
        for (number, attempt, name, piece, *_), series in zip(rows, read, strict=True):
            found.setdefault(number, {}).setdefault(attempt, {}).setdefault(piece, {})[name] = series
        return {
            n: joined([p[i] for i in sorted(p)] for _, p in sorted(attempts.items()))
            for n, attempts in sorted(found.items())
        }

    def logged(self, session: Session, study_id: int, name: str | None) -> dict[str, NDArray[np.int64]]:
        """Return the numbers of the trials that logged a metric, by its name."""
        self._need(session, study_id)
        if name is None:
            rows = session.rows(_WHO_LOGGED, study=study_id)
        else:
            rows = session.rows(_WHO_LOGGED_IT, study=study_id, name=name)
        self._checked(session, "metrics", rows, _WHO_LOGGED)
        found: dict[str, list[int]] = {}
        for own, number in rows:
            found.setdefault(own, []).append(number)
        return {own: np.sort(np.array(found[own], np.int64)) for own in sorted(found)}

    def named(self, session: Session, study_id: int, numbers: Sequence[int]) -> list[TrialRecord]:
        """Return whole records of trials that the database itself named; one that is not there is damage."""
        try:
            return self.records(session, study_id, numbers, None)
        except KeyError as error:
            raise stored.damaged(self._where, "its indexes", f"{error.args[0]}, which they have") from None

    def best(self, session: Session, study_id: int, direction: str) -> TrialRecord | None:
        """Return the best feasible complete trial by its first value, the lowest number among equals."""
        row = session.row(BEST[direction], study=study_id)
        if row is None or row[0] is None:
            self._need(session, study_id)
            lost = session.row(RANKED_WITHOUT_INDEX, study=study_id) if session.dialect.loose else None
            if lost is not None and lost[0] is not None:
                raise stored.damaged(self._where, "its indexes", f"they do not have trial {lost[0]}, which is complete")
            return None
        (found,) = self.named(session, study_id, [row[0]])
        with decoding(self._where, f"trial {found.number}"):
            expect(found.state is TrialState.COMPLETE and found.feasible, "an index has it among the complete ones")
        return found

    def count(self, session: Session, study_id: int) -> dict[TrialState, int]:
        """Return the number of trials by state."""
        rows = session.rows(COUNT_FINISHED, study=study_id) + session.rows(COUNT_OPEN, study=study_id)
        if not rows:
            self._need(session, study_id)
        with decoding(self._where, "the states of trials"):
            counts: dict[TrialState, int] = {}
            for state, n in rows:  # an ended trial may have no place yet, and be among the open ones
                counts[TrialState(state)] = counts.get(TrialState(state), 0) + n
            return counts

    def _need(self, session: Session, study_id: int) -> Row:
        """Return a study's counters: so one without trials is told from one that is not there."""
        row = session.row(COUNTERS, study=study_id)
        if row is None:
            raise study_gone(study_id, self._where)
        return row

    # -- studies -----------------------------------------------------------------------------------------------

    def study(self, session: Session, row: Row) -> StudyRecord:
        """Return a row of `STUDY_FIELDS` as a record, with its space and attributes."""
        self._checked(session, "a study", [row], STUDY_FIELDS)
        study_id, name, directions, seed, space_id, created = row
        space = None if space_id is None else self.space(session, space_id)
        notes = session.rows(STUDY_ATTRS, study=study_id)
        with decoding(self._where, f"the study {name!r}"):
            expect(0 <= seed < 2**63, f"its seed is {seed}")
            record = StudyRecord(study_id, name, stored.read_directions(directions), seed, space, created)
        with decoding(self._where, f"the attributes of the study {name!r}"):
            for kind, key, value in notes:
                expect(kind in (schema.USER, schema.SYSTEM), f"{key!r} is of no known kind")
                (record.user if kind == schema.USER else record.system)[key] = stored.attr_from_json(value)
        return record
