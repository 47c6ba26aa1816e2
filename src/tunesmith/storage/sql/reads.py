"""What is read: claims, increments as columns, whole records, the best trial, counts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, Select, bindparam, func, literal_column, select  # noqa: TID253 - see schema.py

from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Block, Increment
from tunesmith.storage.checks import study_gone
from tunesmith.storage.sql.codec import NAN, Spaces, attr_from_json, fixed_from_json, number, pack, unpack
from tunesmith.storage.sql.schema import (
    FINISHED,
    OF_STUDY,
    OPEN,
    RANKED,
    USER,
    WORKER,
    attrs,
    reports,
    spaces,
    studies,
    trials,
)
from tunesmith.storage.sql.session import Row, Session
from tunesmith.trial import FrozenTrial

_STUDY: BindParameter[Any] = bindparam("study")
_t = trials.c
_OF_STUDY = _t.study_id == _STUDY
_RUNNING = _t.state == literal_column("0")
_WAITING = _t.state == literal_column("4")

# The inner query looks at the unfinished trials only (their seq is NULL), in the same statement as the counters.
CLAIM = select(
    studies.c.version,
    studies.c.next_number,
    select(func.min(_t.number)).where(_OF_STUDY, OPEN, _WAITING).scalar_subquery(),
).where(studies.c.id == _STUDY)

_COUNTERS = select(studies.c.version, studies.c.last_seq, studies.c.directions).where(studies.c.id == _STUDY)
_SPACES = select(spaces.c.id, spaces.c.space).where(spaces.c.study_id == _STUDY)
_ONE_SPACE = select(spaces.c.space).where(spaces.c.id == bindparam("space"))

_COLUMNS = (
    select(_t.number, _t.state, _t.tag, _t.cost, _t.y, _t.x, _t.space_id, _t.constraints)
    .where(_OF_STUDY, _t.seq > bindparam("cursor"))
    .order_by(_t.seq)
)
_ALL_REPORTS = (
    select(reports.c.number, reports.c.step, reports.c.value)
    .where(reports.c.study_id == _STUDY)
    .order_by(reports.c.number, reports.c.step)
)
_NEW_REPORTS = (
    select(reports.c.number, reports.c.step, reports.c.value)
    .join(trials, (_t.study_id == reports.c.study_id) & (_t.number == reports.c.number))
    .where(_OF_STUDY)
)
_REPORTS_OF_FINISHED = _NEW_REPORTS.where(_t.seq > bindparam("cursor"))
_REPORTS_OF_RUNNING = _NEW_REPORTS.where(OPEN, _RUNNING)

_FULL = select(
    _t.number, _t.state, _t.attempt, _t.seq, _t.space_id, _t.x, _t.y, _t.tag, _t.cost, _t.constraints, _t.reason,
    _t.started, _t.finished, _t.worker, _t.fixed,
)  # fmt: skip
_FULL_RUNNING = _FULL.where(_OF_STUDY, OPEN, _RUNNING).order_by(_t.number)
_FULL_OPEN = _FULL.where(_OF_STUDY, OPEN).order_by(_t.number)
_FULL_ALL = _FULL.where(_OF_STUDY).order_by(_t.number)
_ALL_ATTRS = select(attrs.c.number, attrs.c.kind, attrs.c.key, attrs.c.value).where(
    attrs.c.study_id == _STUDY, attrs.c.number != literal_column(str(OF_STUDY))
)
_OPEN_REPORTS = _NEW_REPORTS.where(OPEN)
_OPEN_ATTRS = (
    select(attrs.c.number, attrs.c.kind, attrs.c.key, attrs.c.value)
    .join(trials, (_t.study_id == attrs.c.study_id) & (_t.number == attrs.c.number))
    .where(_OF_STUDY, OPEN)
)

# Two looks into the index of feasible complete trials: for the best value, and for the lowest number that has it.
_BEST = {
    direction: select(func.min(_t.number)).where(
        _OF_STUDY, RANKED, _t.value == select(extreme(_t.value)).where(_OF_STUDY, RANKED).scalar_subquery()
    )
    for direction, extreme in (("minimize", func.min), ("maximize", func.max))
}
_COUNT_FINISHED = select(_t.state, func.count()).where(_OF_STUDY, FINISHED).group_by(_t.state)
_COUNT_OPEN = select(_t.state, func.count()).where(_OF_STUDY, OPEN).group_by(_t.state)

STUDY_FIELDS = select(
    studies.c.id, studies.c.name, studies.c.directions, studies.c.seed, studies.c.space_id, studies.c.created
)
ALL_STUDIES = STUDY_FIELDS.order_by(studies.c.id)
STUDY_BY_NAME = STUDY_FIELDS.where(studies.c.name == bindparam("name"))
STUDY_NAMES = select(studies.c.name)
STUDY_ATTRS = select(attrs.c.kind, attrs.c.key, attrs.c.value).where(
    attrs.c.study_id == _STUDY,
    attrs.c.number == literal_column(str(OF_STUDY)),
    attrs.c.kind != literal_column(str(WORKER)),
)

_UNFINISHED = frozenset({TrialState.RUNNING, TrialState.WAITING})
_CHUNK = 4096  # rows in memory as Python objects at a time
_WIDTHS = (1, 16, 256)


def _for_numbers(base: Select[Any], column: Any) -> dict[int, Select[Any]]:
    """The query for some numbers at once, in a few widths: few statements for any count of numbers."""
    return {width: base.where(column.in_([bindparam(f"n{i}") for i in range(width)])) for width in _WIDTHS}


_FULL_OF = _for_numbers(_FULL.where(_OF_STUDY), _t.number)
_ATTRS_OF = _for_numbers(_ALL_ATTRS, attrs.c.number)
_REPORTS_OF = _for_numbers(_ALL_REPORTS, reports.c.number)


def _by_numbers(session: Session, queries: dict[int, Select[Any]], study_id: int, numbers: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    width = next((w for w in _WIDTHS if len(numbers) <= w), _WIDTHS[-1])
    for start in range(0, len(numbers), width):
        part = list(numbers[start : start + width])
        part += part[-1:] * (width - len(part))
        rows += session.rows(queries[width], study=study_id, **{f"n{i}": n for i, n in enumerate(part)})
    return rows


class Reader:
    """Reads trials; knows the spaces seen so far.

    Args:
        known: those.
        where: what to call the database in errors.
    """

    def __init__(self, known: Spaces, where: str) -> None:
        self._spaces = known
        self._where = where

    def space(self, session: Session, space_id: int | None) -> Space | None:
        """Return a space by its id in the database."""
        if space_id is None:
            return None
        known = self._spaces.by_id(space_id)
        if known is not None:
            return known
        row = session.row(_ONE_SPACE, space=space_id)
        return None if row is None else self._spaces.read(space_id, row[0])

    def _spaces_of(self, session: Session, study_id: int, ids: Iterable[int | None]) -> Mapping[int | None, Space]:
        """Return spaces by their ids: many unknown ones are read with one query, a few with one each."""
        wanted = {i for i in ids if i is not None}
        found: dict[int | None, Space] = {i: space for i in wanted if (space := self._spaces.by_id(i)) is not None}
        unknown = wanted - found.keys()
        if len(unknown) > 4:
            for space_id, text in session.rows(_SPACES, study=study_id):
                if space_id in unknown:
                    found[space_id] = self._spaces.read(space_id, text)
        else:
            for space_id in unknown:
                space = self.space(session, space_id)
                if space is not None:
                    found[space_id] = space
        return found

    # -- increments --------------------------------------------------------------------------------------------

    def increment(self, session: Session, study_id: int, cursor: int) -> Increment:
        """Return what was recorded since a cursor; to be called with one state of the database before it."""
        counters = session.row(_COUNTERS, study=study_id)
        if counters is None:
            raise study_gone(study_id, self._where)
        version, last, directions = counters
        m = len(json.loads(directions))
        columns = _Columns(m)
        if last > cursor:
            for rows in session.chunks(_COLUMNS, _CHUNK, study=study_id, cursor=cursor):
                columns.add(rows)
        if cursor <= 0:
            found = session.rows(_ALL_REPORTS, study=study_id)
        else:
            found = session.rows(_REPORTS_OF_RUNNING, study=study_id)
            if last > cursor:
                found = session.rows(_REPORTS_OF_FINISHED, study=study_id, cursor=cursor) + found
        running = session.rows(_FULL_RUNNING, study=study_id)
        known = self._spaces_of(session, study_id, [*columns.points, *(row[4] for row in running)])
        return Increment(
            cursor=max(last, cursor),
            version=version,
            number=columns.join(0, np.int64),
            state=columns.join(1, np.int8),
            tag=columns.join(2, np.int64),
            cost=columns.join(3, np.float64),
            values=columns.values(),
            blocks=[Block(known.get(i), at, x) for i, (at, x) in columns.points_by_space().items()],
            constraints=columns.constraints,
            reports=[r if r[2] is not None else (r[0], r[1], NAN) for r in found],
            running=[_record(row, known) for row in running],
        )

    # -- records -----------------------------------------------------------------------------------------------

    def records(
        self, session: Session, study_id: int, numbers: Sequence[int] | None, states: Collection[TrialState] | None
    ) -> list[FrozenTrial]:
        """Return whole records by number."""
        wanted = None if numbers is None else sorted({int(n) for n in numbers})  # a driver takes no NumPy integers
        if wanted is not None:
            rows = _by_numbers(session, _FULL_OF, study_id, wanted)
            notes = _by_numbers(session, _ATTRS_OF, study_id, wanted)
            curves = _by_numbers(session, _REPORTS_OF, study_id, wanted)
        elif states is not None and _UNFINISHED.issuperset(states):
            rows = session.rows(_FULL_OPEN, study=study_id)
            notes = session.rows(_OPEN_ATTRS, study=study_id)
            curves = session.rows(_OPEN_REPORTS, study=study_id)
        else:
            rows = session.rows(_FULL_ALL, study=study_id)
            notes = session.rows(_ALL_ATTRS, study=study_id)
            curves = session.rows(_ALL_REPORTS, study=study_id)
        if not rows:
            self._check_there(session, study_id)
        known = self._spaces_of(session, study_id, (row[4] for row in rows))
        found = {row[0]: _record(row, known) for row in rows}
        if wanted is not None and len(found) < len(wanted):
            missing = [n for n in wanted if n not in found]
            raise KeyError(f"the study has no trial {', '.join(map(str, missing[:8]))}")
        _attach(found, notes, curves)
        chosen = (found[n] for n in sorted(found))
        return [t for t in chosen if states is None or t.state in states]

    def best(self, session: Session, study_id: int, direction: str) -> FrozenTrial | None:
        """Return the best feasible complete trial by its first value, the lowest number among equals."""
        row = session.row(_BEST[direction], study=study_id)
        if row is None or row[0] is None:
            self._check_there(session, study_id)
            return None
        return self.records(session, study_id, [row[0]], None)[0]

    def count(self, session: Session, study_id: int) -> dict[TrialState, int]:
        """Return the number of trials by state."""
        rows = session.rows(_COUNT_FINISHED, study=study_id) + session.rows(_COUNT_OPEN, study=study_id)
        if not rows:
            self._check_there(session, study_id)
        return {TrialState(state): n for state, n in rows}

    def _check_there(self, session: Session, study_id: int) -> None:
        """Tell a study without trials from one that is not there."""
        if session.row(_COUNTERS, study=study_id) is None:
            raise study_gone(study_id, self._where)


def _record(row: Row, known: Mapping[int | None, Space]) -> FrozenTrial:
    """A row of ``_FULL`` as a record."""
    (n, state, attempt, seq, space_id, x, y, tag, cost, limits, reason, started, finished, worker, fixed) = row
    return FrozenTrial(
        n,
        TrialState(state),
        space=known.get(space_id),
        x=None if x is None else list(unpack(x)),
        values=None if y is None else unpack(y),
        attempt=attempt,
        tag=tag,
        cost=number(cost),
        constraints=None if limits is None else json.loads(limits),
        reason=reason,
        started=number(started),
        finished=number(finished),
        worker=worker,
        fixed=fixed_from_json(fixed),
        seq=seq or 0,
    )


def _attach(found: dict[int, FrozenTrial], notes: Iterable[Row], curves: Iterable[Row]) -> None:
    for n, kind, key, value in notes:
        trial = found.get(n)
        if trial is None:
            continue
        if kind == USER:
            trial.user = trial.user or {}
            trial.user[key] = attr_from_json(value)
        else:
            trial.system = trial.system or {}
            trial.system[key] = attr_from_json(value)
    for n, step, value in curves:
        trial = found.get(n)
        if trial is not None:
            trial.reports = trial.reports or {}
            trial.reports[step] = number(value)


class _Columns:
    """Rows of ``_COLUMNS`` become arrays, chunk by chunk."""

    def __init__(self, m: int) -> None:
        self.m = m
        self.count = 0
        self.constraints: dict[int, dict[str, float]] = {}
        self.points: dict[int, list[tuple[NDArray[np.int64], bytes]]] = {}  # by space id
        self._parts: list[list[NDArray[Any]]] = [[], [], [], []]
        self._values: list[NDArray[np.float64]] = []
        self._nothing = pack([NAN] * m) or b""

    def add(self, rows: list[Row]) -> None:
        numbers, states, tags, costs, ys, xs, ids, limits = zip(*rows, strict=True)
        start = self.count
        self.count += len(rows)
        if None in costs:
            costs = tuple(map(number, costs))
        for parts, column, kind in zip(
            self._parts, (numbers, states, tags, costs), (np.int64, np.int8, np.int64, np.float64), strict=True
        ):
            parts.append(np.array(column, kind))
        if None in ys:
            ys = tuple(self._nothing if y is None else y for y in ys)
        self._values.append(np.frombuffer(b"".join(ys), "<f8").reshape(-1, self.m))
        distinct = set(ids)
        if len(distinct) == 1 and None not in distinct:
            self.points.setdefault(ids[0], []).append((np.arange(start, self.count), b"".join(xs)))
        else:
            at: dict[int, list[int]] = {}
            for i, space_id in enumerate(ids):
                if space_id is not None:
                    at.setdefault(space_id, []).append(i)
            for space_id, places in at.items():
                blob = b"".join([xs[i] for i in places])
                self.points.setdefault(space_id, []).append((np.array(places, np.int64) + start, blob))
        for i, text in enumerate(limits):
            if text is not None:
                self.constraints[start + i] = json.loads(text)

    def join(self, column: int, kind: type[np.generic]) -> NDArray[Any]:
        """The whole of one column."""
        parts = self._parts[column]
        return np.concatenate(parts) if parts else np.empty(0, kind)

    def values(self) -> NDArray[np.float64]:
        """float64[n, m]."""
        return np.concatenate(self._values).astype(np.float64, copy=False) if self._values else np.empty((0, self.m))

    def points_by_space(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """For each space id, places int64[k] and points float64[k, d]."""
        joined = {}
        for space_id, parts in self.points.items():
            at = np.concatenate([places for places, _ in parts])
            x = np.frombuffer(b"".join([blob for _, blob in parts]), "<f8").astype(np.float64, copy=False)
            joined[space_id] = (at, x.reshape(len(at), len(x) // len(at)))
        return joined
