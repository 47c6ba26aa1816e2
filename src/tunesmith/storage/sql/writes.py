"""The changes of trials, each to be run inside one transaction: claims, starts, reports, attributes and ends.

The counters in a study's row are its version, its next number and its last place in the order of ends. A change of them
locks the row until the transaction ends. In an SQLite file it is the first statement of every change, so that two
writers never meet in the other tables.

In an SQLite file the end of a trial gets its place, `seq`, as it is written. On a server, where all workers would wait
for the counter, it gets none at first. Before somebody reads, `order_ends` gives places to all ends that have none: one
transaction at a time does so, under a lock that nothing else takes, and it sees all places that were given before. So
places have no gap, and whoever has read up to one has missed no end: one that is committed later gets a later place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.errors import AttemptReplacedError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.storage.base import Lease
from tunesmith.storage.checks import GIVEN_UP, refuse_replaced, study_gone
from tunesmith.storage.sql import schema
from tunesmith.storage.sql import values as stored
from tunesmith.storage.sql.connections import Row, Session, Values
from tunesmith.storage.sql.schema import STUDY_ID, attrs, metrics, reports, studies, trials, workers
from tunesmith.trial.record import Fence, TrialRecord, with_costs

NUMBERS_END = 2**62  # the limit of numbers where there is none

_s, _t, _a, _r, _w, _m = studies.c, trials.c, attrs.c, reports.c, workers.c, metrics.c
_ZERO: sa.ColumnClause[int] = sa.literal_column("0")
_ONE: sa.ColumnClause[int] = sa.literal_column("1")


# -- the counters in a study's row -----------------------------------------------------------------------------------


def _raised(*where: sa.ColumnElement[bool], **by: sa.ColumnElement[int]) -> sa.Update:
    """Return the statement that raises a study's version by one, and others of its counters."""
    counters = {"version": _ONE, **by}
    return sa.update(studies).where(_s.id == STUDY_ID, *where).values({n: _s[n] + more for n, more in counters.items()})


_MORE_NUMBERS = sa.bindparam("numbers", type_=sa.BigInteger)
_MORE_SEQS = sa.bindparam("seqs", type_=sa.BigInteger)
BUMPED = _raised()
STARTED = _raised(_s.next_number == sa.bindparam("at"), next_number=_ONE)
RESERVED = _raised(_s.next_number < sa.bindparam("below"), next_number=_ONE)
BUMP_SEQ = _raised(last_seq=_ONE)
ORDERED = _raised(last_seq=_MORE_SEQS)
ADDED = _raised(next_number=_MORE_NUMBERS, last_seq=_MORE_SEQS)
_RAISED = (_s.version, _s.next_number, _s.last_seq)
_RETURNING = {
    statement: statement.returning(*_RAISED) for statement in (BUMPED, STARTED, RESERVED, BUMP_SEQ, ORDERED, ADDED)
}
STUDY_VERSION = sa.select(_s.version).where(_s.id == STUDY_ID)
LAST_SEQ = sa.select(_s.last_seq).where(_s.id == STUDY_ID)
_READ = sa.select(*_RAISED).where(_s.id == STUDY_ID)


def bump(session: Session, statement: sa.Update, **values: Values) -> Row | None:
    """Raise a study's counters; return (version, next_number, last_seq) after that; None: no row fits."""
    if session.dialect.returning:
        return session.row(_RETURNING[statement], **values)
    if not session.run(statement, **values):
        return None
    return session.row(_READ, study=values["study"])


# -- a trial's row, its reports and attributes -----------------------------------------------------------------------

AT_TRIAL: sa.BindParameter[int] = sa.bindparam("at")
THIS = (_t.study_id == STUDY_ID) & (_t.number == AT_TRIAL)
STUDY_IS_THERE = sa.select(_s.id).where(_s.id == STUDY_ID)
LOCK_STUDY = STUDY_IS_THERE.with_for_update()
IS_THERE = sa.select(_t.state, _t.attempt, _t.token, _t.worker).where(THIS)
_LOCK_TRIAL = IS_THERE.with_for_update()
IS_AT = THIS & (_t.attempt == sa.bindparam("attempted"))
RUNS_THIS = IS_AT & (_t.state == schema.RUNNING) & (_t.token == sa.bindparam("held"))


# A report and an attribute belong to an attempt.
def _add_report(where: sa.ColumnElement[bool], rows: int = 1) -> sa.Insert:
    found = [_row_of_report(where, "" if j == 0 else str(j)) for j in range(rows)]
    return sa.insert(reports).from_select(
        ["study_id", "number", "attempt", "step", "value", "cost"], found[0] if rows == 1 else sa.union_all(*found)
    )


def _row_of_report(where: sa.ColumnElement[bool], j: str) -> sa.Select[Any]:
    step: sa.BindParameter[int] = sa.bindparam(f"step{j}")
    is_there = sa.exists().where(
        _r.study_id == STUDY_ID, _r.number == AT_TRIAL, _r.attempt == _t.attempt, _r.step == step
    )
    return sa.select(
        _t.study_id,
        _t.number,
        _t.attempt,
        sa.cast(step, sa.BigInteger),
        sa.cast(sa.bindparam(f"value{j}"), sa.Double),
        sa.cast(sa.bindparam(f"cost{j}"), sa.Double),
    ).where(where, ~is_there)


ADD_REPORT = _add_report(IS_AT)
# Of a trial that is new in this transaction: nothing can be there yet.
NEW_REPORT = sa.insert(reports).values(
    {_r.study_id: STUDY_ID, _r.number: AT_TRIAL, _r.attempt: sa.bindparam("attempted")}
    | {column: sa.bindparam(column.name) for column in (_r.step, _r.value, _r.cost)}
)
# On PostgreSQL the disk is not waited for: a server that dies may lose the last reports.
_IS_RELAXED: sa.ColumnElement[bool] = sa.literal_column("set_config('synchronous_commit', 'off', true) = 'off'")


@cache
def _report_statement(rows: int, relaxed: bool) -> sa.Insert:
    """Return the statement that inserts the rows of one report at once, all of them or none."""
    return _add_report(RUNS_THIS & _IS_RELAXED if relaxed else RUNS_THIS, rows)


# What an attempt logs. `IN_SQL` is how many pieces one statement writes at most.
_OF_PIECE = (_m.name, _m.piece, _m.first, _m.steps, _m.y)
IN_SQL = 32


def _add_pieces(where: sa.ColumnElement[bool], rows: int = 1) -> sa.Insert:
    found = [_row_of_piece(where, "" if j == 0 else str(j)) for j in range(rows)]
    return sa.insert(metrics).from_select(
        ["study_id", "number", "attempt", *(column.name for column in _OF_PIECE)],
        found[0] if rows == 1 else sa.union_all(*found),
    )


def _row_of_piece(where: sa.ColumnElement[bool], j: str) -> sa.Select[Any]:
    given = {column.name: sa.bindparam(f"{column.name}{j}", type_=column.type) for column in _OF_PIECE}
    is_there = sa.exists().where(
        _m.study_id == STUDY_ID,
        _m.number == AT_TRIAL,
        _m.attempt == _t.attempt,
        _m.name == given["name"],
        _m.piece == given["piece"],
    )
    columns = [sa.cast(given[column.name], column.type) for column in _OF_PIECE]
    return sa.select(_t.study_id, _t.number, _t.attempt, *columns).where(where, ~is_there)


ADD_PIECE = _add_pieces(IS_AT)
NEW_PIECE = sa.insert(metrics).values(
    {_m.study_id: STUDY_ID, _m.number: AT_TRIAL, _m.attempt: sa.bindparam("attempted")}
    | {column: sa.bindparam(column.name) for column in _OF_PIECE}
)


@cache
def _pieces_statement(rows: int, relaxed: bool) -> sa.Insert:
    """Return the statement that inserts some pieces at once; see `_report_statement`."""
    return _add_pieces(RUNS_THIS & _IS_RELAXED if relaxed else RUNS_THIS, rows)


def add_metrics(
    session: Session, study_id: int, number: int, fence: Fence, pieces: Sequence[dict[str, Values]]
) -> None:
    """Insert what an attempt of a running trial logged; a piece that is there already stays.

    Args:
        pieces: of `tunesmith.storage.sql.values.pieces_of`.
    """
    attempt, token = fence
    for begin in range(0, len(pieces), IN_SQL):
        some = pieces[begin : begin + IN_SQL]
        written = {f"{name}{j or ''}": value for j, piece in enumerate(some) for name, value in piece.items()}
        statement = _pieces_statement(len(some), session.dialect.name == "postgresql")
        if session.run(statement, study=study_id, at=number, attempted=attempt, held=token, **written):
            continue
        row = session.row(IS_THERE, study=study_id, at=number)
        if row is None:
            need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
            return
        if session.uncertain:  # as in `add_reports`: it may have been written before
            return
        _refuse_row(row, number, fence)


_ATTR = (
    (_a.study_id == STUDY_ID)
    & (_a.number == AT_TRIAL)
    & (_a.kind == sa.bindparam("what"))
    & (_a.key == sa.bindparam("name"))
    & (_a.attempt == sa.bindparam("attempted"))
)
_STORED_ATTR = sa.select(_a.value).where(_ATTR)
_STORED_REPORT = sa.select(_r.value).where(
    _r.study_id == STUDY_ID,
    _r.number == AT_TRIAL,
    _r.attempt == sa.bindparam("attempted"),
    _r.step == sa.bindparam("step"),
)
_CHANGE_ATTR = sa.update(attrs).where(_ATTR).values({_a.value: sa.bindparam("value")})
ADD_ATTR = sa.insert(attrs).values(
    {_a.study_id: STUDY_ID, _a.number: AT_TRIAL, _a.kind: sa.bindparam("what"), _a.key: sa.bindparam("name")}
    | {_a.attempt: sa.bindparam("attempted"), _a.value: sa.bindparam("value")}
)


def need_study_row(session: Session, study_id: int, row: Row | None) -> Row:
    """Return the row of a study; raise StudyNotFoundError if there is none."""
    if row is None:
        raise study_gone(study_id, session.dialect.where)
    return row


def add_reports(
    session: Session, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float
) -> None:
    """Insert a report of an attempt of a running trial; a step that is there already stays."""
    attempt, token = fence
    (_, first), *more = stored.values_by_step(step, value)
    written: dict[str, Values] = {"step": step, "value": first, "cost": None if cost != cost else cost}
    for j, (at, other) in enumerate(more, 1):
        written |= {f"step{j}": at, f"value{j}": other, f"cost{j}": None}
    statement = _report_statement(1 + len(more), session.dialect.name == "postgresql")
    if session.run(statement, study=study_id, at=number, attempted=attempt, held=token, **written):
        return
    row = session.row(IS_THERE, study=study_id, at=number)
    if row is None:
        need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return
    # The attempt may have been replaced after the report was stored, and before the answer that was lost.
    before: dict[str, Values] = {"study": study_id, "at": number, "attempted": attempt, "step": step}
    if session.uncertain and session.row(_STORED_REPORT, **before) == (first,):
        return
    _refuse_row(row, number, fence)


def locked_attempt(session: Session, study_id: int, number: int, fence: Fence | None) -> int:
    """Return the attempt that a trial is at, and lock the trial, so that it cannot be released in between.

    Raises:
        AttemptReplacedError: it is another one than that of the fence.
        KeyError: there is no such trial.
    """
    row = session.row(_LOCK_TRIAL, study=study_id, at=number)
    if row is None:
        need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        raise KeyError(f"the study has no trial {number}")
    if fence is not None:
        _refuse_row(row, number, fence)
    return int(row[1])


def set_attr(
    session: Session, study_id: int, number: int, kind: int, key: str, text: str, fence: Fence | None = None
) -> None:
    """Insert or change an attribute of a trial."""
    try:
        attempt = locked_attempt(session, study_id, number, fence)
    except AttemptReplacedError:
        before: dict[str, Values] = {"study": study_id, "at": number, "what": kind, "name": key}
        if fence and session.uncertain and session.row(_STORED_ATTR, **before, attempted=fence.attempt) == (text,):
            return  # as in `add_reports`
        raise
    put_attr(session, study_id, number, attempt, kind, key, text)


def set_study_attr(session: Session, study_id: int, kind: int, key: str, text: str) -> None:
    """Insert or change an attribute of a study."""
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    put_attr(session, study_id, schema.OF_STUDY, 0, kind, key, text)


def change_study_attr(session: Session, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
    """Change one of tunesmith's own attributes of a study, which is locked meanwhile; return what is stored then."""
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    row = session.row(_STORED_ATTR, study=study_id, at=schema.OF_STUDY, attempted=0, what=schema.SYSTEM, name=key)
    present = None if row is None else stored.attr_from_json(row[0])
    if (new := change(present)) is not present:
        put_attr(session, study_id, schema.OF_STUDY, 0, schema.SYSTEM, key, stored.attr_to_json(key, new))
    return new


def _refuse_row(row: Row, number: int, fence: Fence) -> None:
    """Raise AttemptReplacedError if a row of `IS_THERE` is at another attempt."""
    _, attempt, token, _ = row
    refuse_replaced(TrialRecord(number, TrialState.RUNNING, attempt=attempt, token=max(token, 0)), fence)


def put_attr(session: Session, study_id: int, at: int, attempt: int, kind: int, key: str, text: str) -> None:
    """Insert or change an attribute of an attempt."""
    row = _attr_row(study_id, at, attempt, kind, key, text)
    if not session.run(_CHANGE_ATTR, **row):
        session.run(ADD_ATTR, **row)


def _attr_row(study_id: int, at: int, attempt: int, kind: int, key: str, text: str) -> dict[str, Values]:
    return {"study": study_id, "at": at, "attempted": attempt, "what": kind, "name": key, "value": text}


def attr_rows(study_id: int, number: int, attempt: int, trial: TrialRecord) -> list[dict[str, Values]]:
    """Return what `ADD_ATTR` needs for each attribute of a trial."""
    kinds: tuple[tuple[int, Mapping[str, Any] | None], ...] = ((schema.USER, trial.user), (schema.SYSTEM, trial.system))
    return [
        _attr_row(study_id, number, attempt, kind, key, stored.attr_to_json(key, value))
        for kind, held in kinds
        if held
        for key, value in held.items()
    ]


def write_attributes(session: Session, study_id: int, trial: TrialRecord, *, new: bool = False) -> None:
    """Write a trial's attributes, and those of its reports that are not there yet."""
    for row in attr_rows(study_id, trial.number, trial.attempt, trial):
        if new or not session.run(_CHANGE_ATTR, **row):
            session.run(ADD_ATTR, **row)
    if trial.reports:
        curve = with_costs(trial.reports, trial.costs)
        session.many(ADD_REPORT, report_rows(study_id, trial.number, trial.attempt, curve))
    if trial.logged:
        shared: dict[str, Values] = {"study": study_id, "at": trial.number, "attempted": trial.attempt}
        session.many(ADD_PIECE, [{**shared, **piece} for piece in stored.pieces_of(trial.logged)])


def report_rows(
    study_id: int, number: int, attempt: int, curve: Mapping[int, tuple[Reported, float]]
) -> list[dict[str, Values]]:
    """Return what `ADD_REPORT` and `NEW_REPORT` need for each step of a curve, step -> (value, cost)."""
    shared: dict[str, Values] = {"study": study_id, "at": number, "attempted": attempt}
    return [
        {**shared, "step": at, "value": each, "cost": None if cost != cost or at != step else cost}
        for step, (value, cost) in curve.items()
        for at, each in stored.values_by_step(step, value)
    ]


# -- before the end: claims, starts, pauses, releases ----------------------------------------------------------------

Taking = Callable[[Session, int, str, int, int], tuple[int, int] | None]  # by a limit, or `resume` by the number

_BELOW: sa.BindParameter[int] = sa.bindparam("below")
_FIRST_WAITING = sa.select(sa.func.min(_t.number)).where(_t.study_id == STUDY_ID, schema.IS_WAITING).scalar_subquery()
LOOK_FOR_TRIAL = sa.select(_s.version, _s.next_number, _FIRST_WAITING).where(_s.id == STUDY_ID)
_NEXT_WAITING = (
    sa.select(_t.number)
    .where(_t.study_id == STUDY_ID, schema.IS_WAITING, _t.number < _BELOW)
    .order_by(_t.number)
    .limit(_ONE)
    .offset(_ZERO)  # else SQLite gets a parameter for it
    .with_for_update(skip_locked=True)
)
_TAKE = (
    sa.update(trials)
    .where(THIS)
    .values(state=schema.RUNNING, worker=sa.bindparam("by"), token=sa.bindparam("held"), started=sa.bindparam("now"))
)
_CLAIM_WAITING, _RESUME = _TAKE.where(_t.state == schema.WAITING), _TAKE.where(_t.state == schema.PAUSED)
_HELD = sa.select(_t.number, _t.space_id, _t.fixed, _t.attempt).where(
    _t.study_id == STUDY_ID, schema.NO_SEQ, _t.state == schema.RUNNING, _t.token == sa.bindparam("held")
)
_START_RESERVED = (
    sa.update(trials)
    .where(RUNS_THIS)
    .values({c: sa.bindparam(c.name) for c in (_t.space_id, _t.x, _t.tag, _t.started)})
)
_NEXT_ATTEMPT = (
    sa.update(trials)
    .where(RUNS_THIS)
    .values(attempt=_t.attempt + _ONE, crashes=_t.crashes + sa.bindparam("died", type_=sa.Integer))
)
_NULL: sa.ColumnClause[Any] = sa.literal_column("NULL")
_NOBODY: sa.ColumnClause[str] = sa.literal_column("''")
_RELEASE = _NEXT_ATTEMPT.values(state=schema.WAITING, worker=_NOBODY, token=_ZERO, started=_NULL)
_PAUSE = _NEXT_ATTEMPT.values(
    {c: sa.bindparam(c.name) for c in (_t.space_id, _t.x, _t.cost)}
    | {_t.state: schema.PAUSED, _t.worker: _NOBODY, _t.token: _ZERO, _t.started: _NULL}
)
_RESERVE_AT_ONCE = sa.text(
    f"""
    WITH counters AS (
        UPDATE {studies.name} SET version = version + 1, next_number = next_number + 1
        WHERE id = :study AND next_number < :below AND NOT EXISTS (
            SELECT 1 FROM {trials.name}
            WHERE study_id = :study AND state = {int(TrialState.WAITING)} AND number < :below
        )
        RETURNING version, next_number - 1 AS number
    ), made AS (
        INSERT INTO {trials.name} (study_id, number, state, attempt, feasible, tag, worker, token, started)
        SELECT :study, number, {int(TrialState.RUNNING)}, 1, 1, 0, :by, :held, :now FROM counters
    )
    SELECT number, version, set_config('synchronous_commit', 'off', true) FROM counters
    """
)
_RENEW = _NEXT_ATTEMPT.values(token=sa.bindparam("next"), started=sa.bindparam("now"))


def look_for_trial(session: Session, study_id: int) -> Row | None:
    """Return (version, next number, lowest number of a waiting trial or None); None: there is no such study."""
    return session.row(LOOK_FOR_TRIAL, study=study_id)


def claim_waiting(session: Session, study_id: int, worker: str, token: int, below: int) -> tuple[int, int] | None:
    """Take the lowest waiting trial that no other transaction is taking; return (number, version); None: there is none.

    The study's row is locked after the trial's, for only then is it known that there is something to change.
    """
    row = session.row(_NEXT_WAITING, study=study_id, below=below)
    if row is None:
        return None
    session.run(_CLAIM_WAITING, study=study_id, at=row[0], by=worker, held=token, now=time.time())
    return row[0], need_study_row(session, study_id, bump(session, BUMPED, study=study_id))[0]


def held(session: Session, study_id: int, token: int) -> tuple[int, int, bool] | None:
    """Return what a claim took whose answer was lost: (number, version, whether the trial was there before)."""
    # A transaction of before that ends at this moment has the lock.
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    row = session.row(_HELD, study=study_id, held=token) if token else None
    if row is None:
        return None
    number, space_id, fixed, attempt = row
    (version,) = need_study_row(session, study_id, session.row(STUDY_VERSION, study=study_id))
    return number, version, attempt > 1 or space_id is not None or fixed is not None


def reserve(session: Session, study_id: int, worker: str, token: int, below: int) -> tuple[int, int] | None:
    """Insert an empty running trial; return (number, version); None: no number below the limit is left."""
    counters = bump(session, RESERVED, study=study_id, below=below)
    if counters is None:
        need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return None
    version, following, _ = counters
    trial = TrialRecord(following - 1, TrialState.RUNNING, worker=worker, token=token, started=time.time())
    session.run(INSERT_TRIAL, **stored.trial_row(study_id, trial, None, None))
    return following - 1, version


def reserve_at_once(session: Session, study_id: int, worker: str, token: int, below: int) -> tuple[int, int] | None:
    """Do what `reserve` does in one round trip, unless a trial waits; on PostgreSQL.

    The study's row, which all workers need, is locked for the time of this statement. The disk is not waited for: the
    start of the trial, which comes next, is written with all that came before it.
    """
    values: dict[str, Values] = {"study": study_id, "by": worker, "held": token, "below": below, "now": time.time()}
    row = session.row(_RESERVE_AT_ONCE, **values)
    return None if row is None else (row[0], row[1])


def write_start(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int | None:
    """Insert a new running trial; return the version, or None if another claim took the number."""
    counters = bump(session, STARTED, study=study_id, at=trial.number)
    if counters is None:
        (version,) = need_study_row(session, study_id, session.row(STUDY_VERSION, study=study_id))
        row = session.row(IS_THERE, study=study_id, at=trial.number) if trial.token else None
        done_before = row is not None and row[:3] == (TrialState.RUNNING, *trial.fence)  # and the answer was lost
        return int(version) if done_before else None
    session.run(INSERT_TRIAL, **stored.trial_row(study_id, trial, space_id, None))
    if trial.user or trial.system or trial.reports or trial.logged:
        write_attributes(session, study_id, trial, new=True)
    return int(counters[0])


def start_reserved(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int | None:
    """Write the point of a trial whose row is there already; return the version, or None if it was released."""
    counters = need_study_row(session, study_id, bump(session, BUMPED, study=study_id))
    return int(counters[0]) if write_point(session, study_id, trial, space_id) else None


def write_point(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> bool:
    """Write the point of a trial whose row is there already; return False if it was released."""
    taken = session.run(
        _START_RESERVED,
        study=study_id,
        at=trial.number,
        attempted=trial.attempt,
        held=trial.token,
        space_id=space_id,
        x=stored.floats_to_bytes(trial.x),
        tag=trial.sampler_state,
        started=trial.started,
    )
    if taken:
        write_attributes(session, study_id, trial)
    return bool(taken)


class NotRunningError(Exception):
    """Raised to leave the transaction without a change: no attempt that it is about runs."""


def release(session: Session, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None) -> None:
    """Turn running trials into waiting ones, and note how their attempts ended."""
    need_study_row(session, study_id, bump(session, BUMPED, study=study_id))
    ended = [_end_attempt(session, study_id, n, fence, failure, _RELEASE, {}) for n, fence in fences.items()]
    if not any(ended):
        raise NotRunningError


def pause(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int:
    """Turn a running trial into a paused one; return the study's version."""
    (version, *_) = need_study_row(session, study_id, bump(session, BUMPED, study=study_id))
    write_attributes(session, study_id, trial)
    values: dict[str, Values] = {
        "space_id": space_id,
        "x": stored.floats_to_bytes(trial.x),
        "cost": None if trial.cost != trial.cost else trial.cost,
    }
    if not _end_attempt(session, study_id, trial.number, trial.fence, None, _PAUSE, values):
        raise NotRunningError
    return int(version)


def resume(session: Session, study_id: int, worker: str, token: int, number: int) -> tuple[int, int] | None:
    """Take a paused trial; return (number, version), None if it is not paused."""
    if not session.run(_RESUME, study=study_id, at=number, by=worker, held=token, now=time.time()):
        need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return None
    return number, need_study_row(session, study_id, bump(session, BUMPED, study=study_id))[0]


def renew(
    session: Session, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None
) -> Fence | None:
    """Begin the next attempt of a running trial; return its fence; None: the trial is not at the attempt given."""
    need_study_row(session, study_id, bump(session, BUMPED, study=study_id))
    following = Fence(fence.attempt + 1, token)
    if _end_attempt(session, study_id, number, fence, failure, _RENEW, {"next": token, "now": time.time()}):
        return following
    row = session.row(IS_THERE, study=study_id, at=number)
    if row is None:
        raise KeyError(f"the study has no trial {number}")
    # It may have been done before, and the answer was lost.
    return following if row[:3] == (TrialState.RUNNING, *following) else None


def _end_attempt(
    session: Session,
    study_id: int,
    number: int,
    fence: Fence,
    failure: FailureKind | None,
    statement: sa.Update,
    values: dict[str, Values],
) -> bool:
    """Move a running trial to its next attempt, and note how this one ended; return whether it did run."""
    attempt, token = fence
    row = session.row(IS_THERE, study=study_id, at=number)
    died = int(failure in GIVEN_UP)
    if not session.run(statement, study=study_id, at=number, attempted=attempt, held=token, died=died, **values):
        return False
    note = json.dumps({"failure": failure, "worker": row[3] if row else ""})
    put_attr(session, study_id, number, attempt, schema.SYSTEM, stored.ATTEMPT_ENDED, note)
    return True


# -- ends, and their order -------------------------------------------------------------------------------------------

_ENDED = (
    "state", "seq", "space_id", "x", "y", "value", "feasible", "tag", "cost", "constraints", "reason", "failure",
    "finished",
)  # fmt: skip
_END_TRIAL = sa.update(trials).where(RUNS_THIS).values({name: sa.bindparam(name) for name in _ENDED})
INSERT_TRIAL = sa.insert(trials)
_WITHOUT_PLACE = (
    (_t.study_id == STUDY_ID) & schema.NO_SEQ & _t.state.not_in([schema.RUNNING, schema.WAITING, schema.PAUSED])
)
_ANY_WITHOUT_PLACE = sa.select(_t.number).where(_WITHOUT_PLACE).limit(sa.literal_column("1"))
# One statement for any number of ends: a statement for each takes a round trip for each (PyMySQL), under a lock.
_PLACED = (
    sa.select(_t.number, sa.func.row_number().over(order_by=[_t.finished, _t.number]).label("place"))
    .where(_WITHOUT_PLACE)
    .subquery("ranked")
)
_GIVE_PLACES = (
    sa.update(trials)
    .where(_t.study_id == STUDY_ID, _t.number == _PLACED.c.number)
    .values(seq=sa.bindparam("last") + _PLACED.c.place)
)
_MARKED = sa.select(_t.number).where(_t.study_id == STUDY_ID, _t.token == sa.bindparam("mark")).order_by(_t.number)
_ORDER_LOCK = 743_627_811  # the class of our advisory locks; the study's id is the object
_LOCK_ORDER = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column(str(_ORDER_LOCK)), sa.bindparam("lock")))


def finish(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> tuple[int, int]:
    """Write the end of a trial and its place; return (seq, version)."""
    version, _, seq = need_study_row(session, study_id, bump(session, BUMP_SEQ, study=study_id))
    _end(session, study_id, trial, space_id, seq)
    return seq, version


def finish_without_place(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> tuple[int, int]:
    """Write the end of a trial; return zeros in place of what is not known yet."""
    _end(session, study_id, trial, space_id, None)
    return 0, 0


def _end(session: Session, study_id: int, trial: TrialRecord, space_id: int | None, seq: int | None) -> None:
    ended = session.run(
        _END_TRIAL,
        study=study_id,
        at=trial.number,
        attempted=trial.attempt,
        held=trial.token,
        seq=seq,
        finished=trial.finished,
        **stored.outcome_columns(trial, space_id),
    )
    if not ended:
        raise NotRunningError
    if trial.user or trial.system or trial.reports or trial.logged:
        write_attributes(session, study_id, trial)


def lock_order(session: Session, study_id: int) -> None:
    """Wait until no other transaction gives places in a study, and keep others from it until this one ends."""
    if session.dialect.name == "postgresql":
        session.rows(_LOCK_ORDER, lock=study_id % 2**31)
    else:
        need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))


def any_without_place(session: Session, study_id: int) -> bool:
    """Tell whether there are ends that have no place."""
    return session.row(_ANY_WITHOUT_PLACE, study=study_id) is not None


def order_ends(session: Session, study_id: int) -> None:
    """Give places to the ends that have none."""
    lock_order(session, study_id)
    (last,) = need_study_row(session, study_id, session.row(LAST_SEQ, study=study_id))
    placed = session.run(_GIVE_PLACES, study=study_id, last=last)
    if placed:  # else another transaction was faster
        # Last, for whoever reserves a number waits for this row from now until the COMMIT.
        need_study_row(session, study_id, bump(session, ORDERED, study=study_id, seqs=placed))


def add(
    session: Session,
    study_id: int,
    given: Sequence[TrialRecord],
    space_ids: Sequence[int | None],
    declared: Space | None,
    mark: int,
) -> list[int]:
    """Insert trials under new numbers; return the numbers.

    In place of a token they have a mark below zero, by which they are found if they are there already: the answer to a
    COMMIT was lost.
    """
    if not session.dialect.loose:
        lock_order(session, study_id)
    if session.uncertain and (before := session.rows(_MARKED, study=study_id, mark=mark)):
        return [number for (number,) in before]
    finished = sum(t.state.is_finished() for t in given)
    counters = bump(session, ADDED, study=study_id, numbers=len(given), seqs=finished)
    _, following, last = need_study_row(session, study_id, counters)
    numbers = list(range(following - len(given), following))
    seq = last - finished
    rows = []
    for trial, number, space_id in zip(given, numbers, space_ids, strict=True):
        row = stored.trial_row(study_id, trial, space_id, declared)
        row.update(number=number, attempt=1, token=mark)
        if trial.state is TrialState.WAITING:
            row.update(worker="", y=None, value=None)
        else:
            seq += 1
            row.update(seq=seq)
        rows.append(row)
    session.many(INSERT_TRIAL, rows)
    session.many(ADD_ATTR, [row for t, n in zip(given, numbers, strict=True) for row in attr_rows(study_id, n, 1, t)])
    curves = [
        row
        for t, n in zip(given, numbers, strict=True)
        if t.state is not TrialState.WAITING
        for row in report_rows(study_id, n, 1, t.learning_curve())
    ]
    session.many(NEW_REPORT, curves)
    pieces = [
        {"study": study_id, "at": n, "attempted": 1, **piece}
        for t, n in zip(given, numbers, strict=True)
        if t.logged
        for piece in stored.pieces_of(t.logged)
    ]
    session.many(NEW_PIECE, pieces)
    return numbers


# -- signs of life of workers, and which of them count as dead -------------------------------------------------------

_WORKER: sa.BindParameter[str] = sa.bindparam("who")
WORKER_KEPT = 7 * 86400.0  # seconds after its last sign of life for which a worker's row is kept
# The time of the server, in unix seconds; a worker's own clock may be wrong.
_NOW = {"postgresql": "extract(epoch FROM clock_timestamp())"}
_NOW |= dict.fromkeys(("mysql", "mariadb"), "unix_timestamp(sysdate(6))")
_RUNNING_WORKERS = sa.select(_t.number, _t.worker).where(
    _t.study_id == STUDY_ID, schema.NO_SEQ, _t.state == schema.RUNNING
)
_FORGET = sa.delete(workers).where(_w.seen < sa.bindparam("before"))


@cache
def _beats(dialect: str) -> tuple[sa.Update, sa.Insert, sa.Select[Any]]:
    """Return the statements of a sign of life, of the first one, and of a look at all, by the server's own time."""
    now: sa.ColumnClause[float] = sa.literal_column(_NOW.get(dialect, "NULL"))
    expires = now + sa.bindparam("ttl", type_=sa.Double)
    seen = sa.bindparam("now", type_=sa.Double)
    again = sa.update(workers).where(_w.name == _WORKER).values(beat=_w.beat + _ONE, expires=expires, seen=seen)
    columns: list[sa.ColumnElement[Any]] = [sa.cast(_WORKER, sa.String(255)), _ONE, expires, seen]
    first = sa.insert(workers).from_select(["name", "beat", "expires", "seen"], sa.select(*columns))
    return again, first, sa.select(_w.name, _w.beat, _w.expires - now)


def beat(session: Session, worker: str, ttl: float) -> None:
    """Write a sign of life."""
    now = time.time()
    again, first, _ = _beats(session.dialect.name)
    if not session.run(again, who=worker, ttl=ttl, now=now):
        session.run(first, who=worker, ttl=ttl, now=now)
        session.run(_FORGET, before=now - WORKER_KEPT)


def running_workers(session: Session, study_id: int) -> dict[int, str]:
    """Return who runs each running trial."""
    return dict(session.rows(_RUNNING_WORKERS, study=study_id))


def beats(session: Session) -> dict[str, tuple[int, float | None]]:
    """Return each worker's count of beats, and for how many seconds it still counts as alive; None: no clock here."""
    look = _beats(session.dialect.name)[2]
    return {name: (count, None if left is None else float(left)) for name, count, left in session.rows(look)}


class Watch:
    """Watches the beats of workers by this process's own monotonic clock, for storages that have no clock.

    Args:
        lease: for how long a worker counts as alive whose beats stand still.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._seen: dict[str, tuple[int | None, float]] = {}
        self._first: dict[str, int | None] = {}  # the beats of workers when they were in doubt first

    def dead(self, names: set[str], found: Mapping[str, tuple[int, float | None]]) -> set[str]:
        """Return which of some workers are dead, given the beats that were read now."""
        now = time.monotonic()
        dead = set()
        for name in names:
            count, left = found.get(name, (None, None))
            if left is None:
                # Without a clock, or without a row: it is forgotten, or an older version of tunesmith wrote the trial.
                before, since = self._seen.get(name, (None, now))
                since = since if before == count else now
                self._seen[name] = (count, since)
                left = self._lease.ttl - (now - since)
                dead |= {name} if left <= 0 else set()
            elif left < 0:
                dead.add(name)
        return dead

    def has_silent(self, names: set[str], found: Mapping[str, tuple[int, float | None]]) -> bool:
        """Return whether one of some workers has not beaten since it was asked about first."""
        silent = False
        for name in names:
            count = found.get(name, (None, None))[0]
            silent |= self._first.setdefault(name, count) == count
        return silent
