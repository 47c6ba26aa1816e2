"""Queries, and `Reader`, which reads increments as columns, records of trials, the best trial, counts and studies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa  # noqa: TID253 - see schema.py
from numpy.typing import NDArray

from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.storage.base import Activity, Block, Increment, Moment, StudyRecord
from tunesmith.storage.checks import study_gone
from tunesmith.storage.sql.connections import Row, Session, Values
from tunesmith.storage.sql.schema import (
    FINISHED,
    OF_STUDY,
    OPEN,
    PAUSED,
    RANKED,
    RUNNING,
    SYSTEM,
    USER,
    attrs,
    reports,
    spaces,
    studies,
    trials,
)  # fmt: skip
from tunesmith.storage.sql.values import (
    ENDED,
    OPEN_STATES,
    CostlyCurve,
    SpaceCache,
    Types,
    attr_from_json,
    check_each,
    check_first,
    check_types,
    damaged,
    decoding,
    fixed_from_json,
    float_or_nan,
    floats_from_bytes,
    floats_to_bytes,
    joined,
    read_constraints,
    read_directions,
    read_noise,
    require,
    same_values,
)
from tunesmith.trial.record import LATE, NAN, NOISE, Attempt, TrialRecord, curve

_STUDY: sa.BindParameter[Any] = sa.bindparam("study")
_t, _s, _r, _a = trials.c, studies.c, reports.c, attrs.c
BITS = 64  # of a number of a trial, its sign among them: no other can be there
WIDTHS = (1, 16, 256)  # few statements serve any count of numbers
_OF_STUDY = _t.study_id == _STUDY
_IS_PENDING = _t.state.in_([RUNNING, PAUSED])
_OF_STUDY_ITSELF: sa.ColumnClause[int] = sa.literal_column(str(OF_STUDY))

_OF_OTHERS = (_t.study_id == _s.id) & OPEN & (_t.state == RUNNING)
_N_REPORTS = (
    sa.select(sa.func.count())
    .where(_r.study_id == _t.study_id, _r.number == _t.number)
    .correlate(trials)
    .scalar_subquery()
)
COUNTERS = sa.select(_s.version, _s.last_seq, _s.directions).where(_s.id == _STUDY)
SPACES = sa.select(spaces.c.id, spaces.c.space, spaces.c.hash).where(spaces.c.study_id == _STUDY)
ONE_SPACE = sa.select(spaces.c.space, spaces.c.hash).where(spaces.c.id == sa.bindparam("space"))

_NOISE_OF_TRIAL = (
    sa.select(_a.value)
    .where(
        _a.study_id == _t.study_id,
        _a.number == _t.number,
        _a.kind == sa.literal_column(str(SYSTEM)),
        _a.key == sa.literal_column(f"'{NOISE}'"),
        _a.attempt == _t.attempt,
    )
    .scalar_subquery()
)
COLUMNS = (
    sa.select(
        _t.seq, _t.number, _t.state, _t.tag, _t.attempt, _t.cost, _t.y, _t.value, _t.feasible, _t.x, _t.space_id,
        _t.constraints, _t.failure, _NOISE_OF_TRIAL,
    )
    .where(_OF_STUDY, _t.seq > sa.bindparam("cursor"))
    .order_by(_t.seq)
)  # fmt: skip
_REPORTS = sa.select(_r.number, _r.attempt, _r.step, _r.value, _r.cost)
ALL_REPORTS = _REPORTS.where(_r.study_id == _STUDY).order_by(_r.number, _r.attempt, _r.step)
_NEW_REPORTS = _REPORTS.join(trials, (_t.study_id == _r.study_id) & (_t.number == _r.number)).where(_OF_STUDY)
REPORTS_OF_FINISHED = _NEW_REPORTS.where(_t.seq > sa.bindparam("cursor"))
REPORTS_OF_PENDING = _NEW_REPORTS.where(OPEN, _IS_PENDING)

FULL = sa.select(
    _t.number, _t.state, _t.attempt, _t.seq, _t.space_id, _t.x, _t.y, _t.value, _t.feasible, _t.tag, _t.cost,
    _t.constraints, _t.reason, _t.started, _t.finished, _t.worker, _t.fixed, _t.crashes, _t.token, _t.failure,
)  # fmt: skip
FULL_PENDING = FULL.where(_OF_STUDY, OPEN, _IS_PENDING).order_by(_t.number)
FULL_OPEN = FULL.where(_OF_STUDY, OPEN).order_by(_t.number)
FULL_ALL = FULL.where(_OF_STUDY).order_by(_t.number)
_ATTRS = sa.select(_a.number, _a.attempt, _a.kind, _a.key, _a.value)
ALL_ATTRS = _ATTRS.where(_a.study_id == _STUDY, _a.number != _OF_STUDY_ITSELF)
USER_ATTRS = ALL_ATTRS.where(_a.kind == sa.literal_column(str(USER))).order_by(_a.number, _a.attempt)
OPEN_REPORTS = _NEW_REPORTS.where(OPEN)
OPEN_ATTRS = _ATTRS.join(trials, (_t.study_id == _a.study_id) & (_t.number == _a.number)).where(_OF_STUDY, OPEN)

# Two looks into the index of feasible complete trials: for the best value, and for the lowest number that has it.
BEST = {
    direction: sa.select(sa.func.min(_t.number)).where(
        _OF_STUDY, RANKED, _t.value == sa.select(extreme(_t.value)).where(_OF_STUDY, RANKED).scalar_subquery()
    )
    for direction, extreme in (("minimize", sa.func.min), ("maximize", sa.func.max))
}
# SQLite reads the index alone and does not notice that a part of it was lost; with the sum it reads the table.
_PLAIN = [column + sa.literal_column("0") == sa.literal_column("1") for column in (_t.state, _t.feasible)]
RANKED_WITHOUT_INDEX = sa.select(sa.func.min(_t.number)).where(_OF_STUDY, *_PLAIN)
COUNT_FINISHED = sa.select(_t.state, sa.func.count()).where(_OF_STUDY, FINISHED).group_by(_t.state)
COUNT_OPEN = sa.select(_t.state, sa.func.count()).where(_OF_STUDY, OPEN).group_by(_t.state)

STUDY_FIELDS = sa.select(_s.id, _s.name, _s.directions, _s.seed, _s.space_id, _s.created)
ALL_STUDIES = STUDY_FIELDS.order_by(_s.id)
STUDY_BY_NAME = STUDY_FIELDS.where(_s.name == sa.bindparam("name"))
STUDY_BY_ID = STUDY_FIELDS.where(_s.id == _STUDY)
STUDY_NAMES = sa.select(_s.name)
STUDY_ATTRS = sa.select(_a.kind, _a.key, _a.value).where(_a.study_id == _STUDY, _a.number == _OF_STUDY_ITSELF)


def _numbers(width: int) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(f"n{i}") for i in range(width)]


def _for_numbers(base: sa.Select[Any], column: Any) -> dict[int, sa.Select[Any]]:
    """Return the query for several trial numbers by width."""
    return {width: base.where(column.in_(_numbers(width))) for width in WIDTHS}


# The version, and what the running trials have reported but for some: in one statement.
ACTIVITY = {
    width: sa.select(_s.version, _t.number, _t.x.is_not(None), _N_REPORTS)
    .select_from(studies.outerjoin(trials, _OF_OTHERS & _t.number.not_in(_numbers(width))))
    .where(_s.id == _STUDY)
    .order_by(_t.number)
    for width in WIDTHS
}


NUMBERS_BY_STATE = sa.select(_t.number, _t.state).where(_OF_STUDY).order_by(_t.number)

# What records are made of: trials, attributes, reports.
ALL_RECORDS = (FULL_ALL, ALL_ATTRS, ALL_REPORTS)
UNFINISHED_RECORDS = (FULL_OPEN, OPEN_ATTRS, OPEN_REPORTS)
RECORDS_BY_NUMBER = (
    _for_numbers(FULL.where(_OF_STUDY), _t.number),
    _for_numbers(ALL_ATTRS, _a.number),
    _for_numbers(ALL_REPORTS, _r.number),
)


def _types_of(query: sa.Select[Any]) -> list[set[type[Any]]]:
    """Return the types that each column of a query may hold, which SQLite does not enforce."""
    return [
        {column.type.python_type, type(None)} if getattr(column, "nullable", True) else {column.type.python_type}
        for column in query.selected_columns
    ]


TYPES_OF_TRIAL, TYPES_OF_COLUMNS = _types_of(FULL), _types_of(COLUMNS)
TYPES_OF_ATTR, TYPES_OF_REPORT = _types_of(_ATTRS), _types_of(_REPORTS)
TYPES_OF_STUDY, TYPES_OF_COUNTERS = _types_of(STUDY_FIELDS), _types_of(COUNTERS)


MOST_ATTEMPTS = 100_000  # more than any trial has; a damaged row may have 2**31
_KINDS = frozenset({0, *FailureKind})
_FINISHED = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})


def read_record(row: Row, known: Mapping[int | None, Space], m: int, loose: bool) -> TrialRecord:
    """Return a row of `FULL` as a record."""
    (n, state, attempt, seq, space_id, x, y, first, feasible, sampler_state, cost, limits, reason, started, finished,
     worker, fixed, crashes, token, failure) = row  # fmt: skip
    space = None if space_id is None else known[space_id]
    possible = 1 <= attempt < MOST_ATTEMPTS and 0 <= crashes <= attempt
    # A server gives places later, see writes.py.
    misplaced = seq is not None if state in OPEN_STATES else seq is None and loose
    if misplaced or n < 0 or not possible:
        raise ValueError(f"number {n}, state {state}, attempt {attempt}, crashes {crashes}, seq {seq}")
    if x is not None and len(x) != (0 if space is None else 8 * len(space)):
        raise ValueError("its point does not fit its space")
    values = None if y is None else floats_from_bytes(y)
    if values is not None and len(y) != 8 * m:
        raise ValueError("it does not have one value for each objective")
    if state == TrialState.COMPLETE and (values is None or any(v != v for v in values)):
        raise ValueError("it has no values")
    check_first(first, values)
    return TrialRecord(
        n,
        TrialState(state),
        space=space,
        x=None if x is None else list(floats_from_bytes(x)),
        values=values,
        attempt=attempt,
        sampler_state=sampler_state,
        cost=float_or_nan(cost),
        constraints=read_constraints(limits, feasible),
        reason=reason,
        started=float_or_nan(started),
        finished=float_or_nan(finished),
        worker=worker,
        fixed=fixed_from_json(fixed),
        seq=seq or 0,
        crashes=crashes,
        token=max(token, 0),  # below zero: a mark of `writes.add`
        failure=None if failure is None else FailureKind(failure),
    )


AttrsByAttempt = dict[int, dict[int, tuple[dict[str, Any], dict[str, Any]]]]  # (user, own) by trial and attempt


def attach_attr(found: Mapping[int, TrialRecord], by_attempt: AttrsByAttempt, row: Row) -> None:
    """Put an attribute into the record of its trial, or into `by_attempt` if the trial had several attempts."""
    n, attempt, kind, key, text = row
    trial = found.get(n)
    if trial is None:
        return
    require(kind in (USER, SYSTEM), f"{key!r} is of no known kind")
    value = attr_from_json(text)
    if trial.attempt > 1 and (kind == USER or (attempt < trial.attempt and key in (ENDED, LATE))):
        by_attempt.setdefault(n, {}).setdefault(attempt, ({}, {}))[kind][key] = value
    elif kind == USER:
        trial.user = trial.user or {}
        trial.user[key] = value
    else:
        trial.system = trial.system or {}
        trial.system[key] = value


def attach_attempts(found: Mapping[int, TrialRecord], notes: AttrsByAttempt, curves: Iterable[Row], m: int) -> None:
    """Put reports of m objectives, and what earlier attempts left, into the records of their trials."""
    reported = _by_attempt((row for row in curves if row[0] in found), m)
    for n, attempts in reported.items():
        found[n].reports, found[n].costs = _apart(attempts.get(found[n].attempt, {}))
    for n, trial in found.items():
        if trial.attempt > 1:
            _attach_previous(trial, notes.get(n, {}), reported.get(n, {}))


def _attach_previous(
    trial: TrialRecord,
    notes: Mapping[int, tuple[dict[str, Any], dict[str, Any]]],
    reported: Mapping[int, CostlyCurve],
) -> None:
    user: dict[str, Any] = {}
    earlier = []
    nothing: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for attempt in range(1, trial.attempt):
        its_user, own = notes.get(attempt, nothing)
        user = {**user, **its_user}
        end = own.get(ENDED, {})
        failure = None if end.get("failure") is None else FailureKind(end["failure"])
        reports, costs = _apart(reported.get(attempt, {}))
        worker, late = end.get("worker", ""), own.get(LATE)
        earlier.append(Attempt(attempt, reports or {}, user, failure, worker, late, costs=costs or {}))
    trial.previous_attempts = tuple(earlier)
    trial.user = {**user, **notes.get(trial.attempt, nothing)[USER]} or None


def join_curves(rows: list[Row], m: int) -> list[tuple[int, int, Reported, float]]:
    """Return rows of reports of m objectives, with attempts, as one curve a trial: (number, step, value, cost)."""
    if m == 1 and all(row[1] == 1 for row in rows):
        return [(n, step, float_or_nan(value), float_or_nan(cost)) for n, _, step, value, cost in rows]
    joined = {n: curve([attempts[a] for a in sorted(attempts)]) for n, attempts in _by_attempt(rows, m).items()}
    return [(n, step, *found) for n, curve_ in joined.items() for step, found in curve_.items()]


def _by_attempt(rows: Iterable[Row], m: int) -> dict[int, dict[int, CostlyCurve]]:
    """Return rows of reports of m objectives by number and attempt."""
    found: dict[int, dict[int, dict[int, tuple[float, float]]]] = {}
    for n, attempt, step, value, cost in rows:
        found.setdefault(n, {}).setdefault(attempt, {})[step] = (float_or_nan(value), float_or_nan(cost))
    return {n: {attempt: joined(own, m) for attempt, own in attempts.items()} for n, attempts in found.items()}


def _apart(found: CostlyCurve) -> tuple[dict[int, Reported] | None, dict[int, float] | None]:
    """Return the values by step, and the costs that are known."""
    values = {step: value for step, (value, _) in found.items()}
    return values or None, {step: cost for step, (_, cost) in found.items() if cost == cost} or None


class IncrementColumns:
    """Turns rows of `COLUMNS` into arrays, chunk by chunk."""

    def __init__(self, m: int, cursor: int, loose: bool) -> None:
        self.m = m
        self._cursor = max(0, cursor)
        self._loose = loose  # whether the database lets a column hold any type
        self.count = 0
        self.constraints: dict[int, dict[str, float]] = {}
        self.noise: dict[int, list[float]] = {}
        self.points: dict[int, _Points] = {}  # by space id
        # number, state, sampler_state, attempt, cost, failure
        self._parts = [[np.empty(0, kind)] for kind in (np.int64, np.int8, np.int64, np.int64, np.float64, np.int8)]
        self._values: list[NDArray[np.float64]] = [np.empty((0, m))]
        self._nothing = floats_to_bytes([NAN] * m) or b""

    def add(self, rows: list[Row]) -> None:
        """Append rows."""
        if self._loose:
            check_types(rows, TYPES_OF_COLUMNS)
        (seqs, numbers, states, sampler_states, attempts, costs, ys, firsts, feasible, xs, ids, limits, failures,
         errors) = zip(*rows, strict=True)  # fmt: skip
        require(set(states) <= _FINISHED, "a finished trial has the state of another")
        start = self.count
        self.count += len(rows)
        expected = range(self._cursor + start + 1, self._cursor + self.count + 1)
        require(seqs == tuple(expected), "their places in the order of ends have gaps")
        if None in costs:
            costs = tuple(map(float_or_nan, costs))
        failures = tuple(kind or 0 for kind in failures)
        require(set(failures) <= _KINDS, "a trial failed in an unknown way")
        columns = (numbers, states, sampler_states, attempts, costs, failures)
        for parts, column in zip(self._parts, columns, strict=True):
            parts.append(np.array(column, parts[0].dtype))
        if None in ys:
            ys = tuple(self._nothing if y is None else y for y in ys)
        require(set(map(len, ys)) == {8 * self.m}, "a trial does not have one value for each objective")
        values = np.frombuffer(b"".join(ys), "<f8").reshape(-1, self.m)
        copies = np.array(firsts, np.float64)  # None becomes NaN
        require(same_values(copies, values[:, 0]), "the two copies of a trial's value differ")
        complete = np.array(states) == TrialState.COMPLETE
        require(not np.isnan(values[complete]).any(), "a complete trial has no value")
        self._values.append(values)
        at: dict[int, list[int]] = {}
        for i, space_id in enumerate(ids):
            if space_id is not None:
                at.setdefault(space_id, []).append(i)
        for space_id, places in at.items():
            require(len({len(xs[i]) for i in places}) == 1, "points of one space differ in length")
            x = np.frombuffer(b"".join([xs[i] for i in places]), "<f8").astype(np.float64, copy=False)
            own = np.array(places, np.int64) + start, x.reshape(len(places), len(x) // len(places))
            if (before := self.points.get(space_id)) is None:
                self.points[space_id] = _Points(*own)
            else:
                before.add(*own)
        if any(limits) or set(feasible) != {1}:
            for i, (text, flag) in enumerate(zip(limits, feasible, strict=True)):
                if (found := read_constraints(text, flag)) is not None:
                    self.constraints[start + i] = found
        if any(errors):
            self.noise |= {start + i: read_noise(text, self.m) for i, text in enumerate(errors) if text is not None}

    def join(self, column: int) -> NDArray[Any]:
        """Return one column."""
        return np.concatenate(self._parts[column])

    def values(self) -> NDArray[np.float64]:
        """Return the values, float64[n, m]."""
        return np.concatenate(self._values)

    def points_by_space(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return for each space id the places int64[k] and the points float64[k, d]."""
        return {space_id: (points.at[: points.n], points.x[: points.n]) for space_id, points in self.points.items()}


class _Points:
    """The points of one space: their places at[k], and x[k, d], of which the first n count.

    One array that grows takes half the memory of many that are joined at the end.
    """

    __slots__ = ("at", "n", "x")

    def __init__(self, at: NDArray[np.int64], x: NDArray[np.float64]) -> None:
        self.at, self.x, self.n = at, x, len(at)

    def add(self, at: NDArray[np.int64], x: NDArray[np.float64]) -> None:
        """Append some."""
        start, self.n = self.n, self.n + len(at)
        if self.n > len(self.at):
            self.at, self.x = _wider(self.at, start, self.n), _wider(self.x, start, self.n)
        self.at[start : self.n], self.x[start : self.n] = at, x


def _wider(a: NDArray[Any], used: int, need: int) -> NDArray[Any]:
    """Return a column with room for more rows: of many, so that few arrays are made on the way, which take memory."""
    out = np.empty((8 * need, *a.shape[1:]), a.dtype)
    out[:used] = a[:used]
    return out


_UNFINISHED = frozenset({TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED})
_CHUNK = 4096  # rows in memory as Python objects at a time


def _of_trials(found: list[Row], finished: NDArray[np.int64], pending: list[TrialRecord]) -> list[Row]:
    """Leave out the reports of waiting trials: they belong to attempts that ended."""
    shown = {*finished.tolist(), *(t.number for t in pending)}
    return found if all(row[0] in shown for row in found) else [row for row in found if row[0] in shown]


def _by_numbers(session: Session, by_width: Mapping[int, Any], study_id: int, numbers: Sequence[int]) -> list[Row]:
    """Return the rows of a query of `_for_numbers`."""
    rows: list[Row] = []
    width = _width(len(numbers))
    for start in range(0, len(numbers), width):
        part = _named_numbers(list(numbers[start : start + width]), width)
        rows += session.rows(by_width[width], study=study_id, **part)
    return rows


def _width(n: int) -> int:
    return next((w for w in WIDTHS if n <= w), WIDTHS[-1])


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
            for space_id, text, digest in session.rows(SPACES, study=study_id):
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
                for rows in session.chunks(COLUMNS, _CHUNK, study=study_id, cursor=cursor):
                    columns.add(rows)
                require(
                    columns.count == last - cursor, f"{last - cursor} of them are expected and {columns.count} there"
                )
        if cursor <= 0:
            found = session.rows(ALL_REPORTS, study=study_id)
        else:
            found = session.rows(REPORTS_OF_PENDING, study=study_id)
            if last > cursor:
                found = session.rows(REPORTS_OF_FINISHED, study=study_id, cursor=cursor) + found
        self._check_types(session, found, TYPES_OF_REPORT, "reports")
        unfinished = session.rows(open_trials, study=study_id)
        self._check_types(session, unfinished, TYPES_OF_TRIAL, "trials that have not ended")
        known = self._spaces_of(session, study_id, [*columns.points, *(row[4] for row in unfinished)])
        open_ones = self._read_records(unfinished, known, m, session.dialect.loose)
        waiting = [t for t in open_ones if t.state is TrialState.WAITING]
        pending = [t for t in open_ones if t.state is not TrialState.WAITING]
        with decoding(self._where, f"finished trials of study {study_id}"):
            points = columns.points_by_space()
            for i, (_, x) in points.items():
                self._check_points(known[i], x)
        with decoding(self._where, "reports"):
            reports = join_curves(found if cursor > 0 else _of_trials(found, columns.join(0), pending), m)
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
                check_types([row], TYPES_OF_COUNTERS)
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
        """Return rows of `FULL` as records, once all of their points are seen to lie in their spaces."""
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
            asked = [n for n in wanted if n.bit_length() < BITS]
            rows, notes, curves = (_by_numbers(session, query, study_id, asked) for query in RECORDS_BY_NUMBER)
        else:
            unfinished = states is not None and _UNFINISHED.issuperset(states)
            some = UNFINISHED_RECORDS if unfinished else ALL_RECORDS
            rows, notes, curves = (session.rows(query, study=study_id) for query in some)
        counters = self._need(session, study_id)
        self._check_types(session, rows, TYPES_OF_TRIAL, "trials")
        self._check_types(session, notes, TYPES_OF_ATTR, "attributes")
        self._check_types(session, curves, TYPES_OF_REPORT, "reports")
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
        for rows in session.chunks(NUMBERS_BY_STATE, _CHUNK, study=study_id):
            n += len(rows)
            found += [number for number, state in rows if state in states]
        return found if len(found) < n / 8 else None

    def user_attrs(self, session: Session, study_id: int) -> dict[int, dict[str, Any]]:
        """Return the user attributes of all trials that have any, by number; those of the latest attempt count."""
        self._need(session, study_id)
        found: dict[int, dict[str, Any]] = {}
        for rows in session.chunks(USER_ATTRS, _CHUNK, study=study_id):
            self._check_types(session, rows, TYPES_OF_ATTR, "attributes")
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
        row = session.row(BEST[direction], study=study_id)
        if row is None or row[0] is None:
            self._need(session, study_id)
            lost = session.row(RANKED_WITHOUT_INDEX, study=study_id) if session.dialect.loose else None
            if lost is not None and lost[0] is not None:
                raise damaged(self._where, "its indexes", f"they do not have trial {lost[0]}, which is complete")
            return None
        (found,) = self.named(session, study_id, [row[0]])
        with decoding(self._where, f"trial {found.number}"):
            require(found.state is TrialState.COMPLETE and found.feasible, "an index has it among the complete ones")
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
        self._check_types(session, [row], TYPES_OF_STUDY, "a study")
        study_id, name, directions, seed, space_id, created = row
        space = None if space_id is None else self.space(session, space_id)
        notes = session.rows(STUDY_ATTRS, study=study_id)
        with decoding(self._where, f"the study {name!r}"):
            require(0 <= seed < 2**63, f"its seed is {seed}")
            record = StudyRecord(study_id, name, read_directions(directions), seed, space, created)
        with decoding(self._where, f"the attributes of the study {name!r}"):
            for kind, key, value in notes:
                require(kind in (USER, SYSTEM), f"{key!r} is of no known kind")
                (record.user if kind == USER else record.system)[key] = attr_from_json(value)
        return record
