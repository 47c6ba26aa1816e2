"""Statements that write reports and attributes, and the checks before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.errors import AttemptReplacedError
from tunesmith.history.curves import Reported
from tunesmith.state import TrialState
from tunesmith.storage.checks import refuse_replaced, study_gone
from tunesmith.storage.sql.schema import OF_STUDY, RUNNING, SYSTEM, USER, attrs, reports, studies, trials
from tunesmith.storage.sql.session import Row, Session, Values
from tunesmith.storage.sql.values import attr_from_json, attr_to_json
from tunesmith.storage.sql.vectors import values_by_step
from tunesmith.trial.record import Fence, TrialRecord, with_costs

_s, _t, _a, _r = studies.c, trials.c, attrs.c, reports.c
ENDED = "ended"  # a system attribute of an attempt that was given up: why, and whose it was
STUDY: sa.BindParameter[int] = sa.bindparam("study")
AT: sa.BindParameter[int] = sa.bindparam("at")
THIS = (_t.study_id == STUDY) & (_t.number == AT)
STUDY_IS_THERE = sa.select(_s.id).where(_s.id == STUDY)
LOCK_STUDY = STUDY_IS_THERE.with_for_update()
IS_THERE = sa.select(_t.state, _t.attempt, _t.token, _t.worker).where(THIS)
_LOCK_TRIAL = IS_THERE.with_for_update()
IS_AT = THIS & (_t.attempt == sa.bindparam("attempted"))
RUNS_THIS = IS_AT & (_t.state == RUNNING) & (_t.token == sa.bindparam("held"))


# A report and an attribute belong to an attempt.
def _add_report(where: sa.ColumnElement[bool], rows: int = 1) -> sa.Insert:
    found = [_row_of_report(where, "" if j == 0 else str(j)) for j in range(rows)]
    return sa.insert(reports).from_select(
        ["study_id", "number", "attempt", "step", "value", "cost"], found[0] if rows == 1 else sa.union_all(*found)
    )


def _row_of_report(where: sa.ColumnElement[bool], j: str) -> sa.Select[Any]:
    step: sa.BindParameter[int] = sa.bindparam(f"step{j}")
    is_there = sa.exists().where(_r.study_id == STUDY, _r.number == AT, _r.attempt == _t.attempt, _r.step == step)
    return sa.select(
        _t.study_id,
        _t.number,
        _t.attempt,
        sa.cast(step, sa.BigInteger),
        sa.cast(sa.bindparam(f"value{j}"), sa.Double),
        sa.cast(sa.bindparam(f"cost{j}"), sa.Double),
    ).where(where, ~is_there)


ADD_REPORT = _add_report(IS_AT)
NEW_REPORT = sa.insert(reports)  # of a trial that is new in this transaction: nothing can be there yet
# On PostgreSQL the disk is not waited for: a server that dies may lose the last reports.
_IS_RELAXED: sa.ColumnElement[bool] = sa.literal_column("set_config('synchronous_commit', 'off', true) = 'off'")


@cache
def _report(rows: int, relaxed: bool) -> sa.Insert:
    """Return the statement that inserts the rows of one report at once, all of them or none."""
    return _add_report(RUNS_THIS & _IS_RELAXED if relaxed else RUNS_THIS, rows)


_ATTR = (
    (_a.study_id == STUDY)
    & (_a.number == AT)
    & (_a.kind == sa.bindparam("what"))
    & (_a.key == sa.bindparam("name"))
    & (_a.attempt == sa.bindparam("attempted"))
)
_STORED_ATTR = sa.select(_a.value).where(_ATTR)
_STORED_REPORT = sa.select(_r.value).where(
    _r.study_id == STUDY, _r.number == AT, _r.attempt == sa.bindparam("attempted"), _r.step == sa.bindparam("step")
)
_CHANGE_ATTR = sa.update(attrs).where(_ATTR).values({_a.value: sa.bindparam("value")})
ADD_ATTR = sa.insert(attrs)


def existing(session: Session, study_id: int, row: Row | None) -> Row:
    """Return the row of a study; raise StudyNotFoundError if there is none."""
    if row is None:
        raise study_gone(study_id, session.dialect.where)
    return row


def report(session: Session, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float) -> None:
    """Insert a report of an attempt of a running trial; a step that is there already stays."""
    attempt, token = fence
    (_, first), *more = values_by_step(step, value)
    written: dict[str, Values] = {"step": step, "value": first, "cost": None if cost != cost else cost}
    for j, (at, other) in enumerate(more, 1):
        written |= {f"step{j}": at, f"value{j}": other, f"cost{j}": None}
    statement = _report(1 + len(more), session.dialect.name == "postgresql")
    if session.run(statement, study=study_id, at=number, attempted=attempt, held=token, **written):
        return
    row = session.row(IS_THERE, study=study_id, at=number)
    if row is None:
        existing(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return
    # The attempt may have been replaced after the report was stored, and before the answer that was lost.
    if session.uncertain and _is_stored(
        session, _STORED_REPORT, first, study=study_id, at=number, attempted=attempt, step=step
    ):
        return
    _refuse(row, number, fence)


def locked_attempt(session: Session, study_id: int, number: int, fence: Fence | None) -> int:
    """Return the attempt that a trial is at, and lock the trial, so that it cannot be released in between.

    Raises:
        AttemptReplacedError: it is another one than that of the fence.
        KeyError: there is no such trial.
    """
    row = session.row(_LOCK_TRIAL, study=study_id, at=number)
    if row is None:
        existing(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        raise KeyError(f"the study has no trial {number}")
    if fence is not None:
        _refuse(row, number, fence)
    return int(row[1])


def set_attr(
    session: Session, study_id: int, number: int, kind: int, key: str, text: str, fence: Fence | None = None
) -> None:
    """Insert or change an attribute of a trial."""
    try:
        attempt = locked_attempt(session, study_id, number, fence)
    except AttemptReplacedError:
        before: dict[str, Values] = {"study": study_id, "at": number, "what": kind, "name": key}
        if fence and session.uncertain and _is_stored(session, _STORED_ATTR, text, **before, attempted=fence.attempt):
            return  # as in `report`
        raise
    put_attr(session, study_id, number, attempt, kind, key, text)


def set_study_attr(session: Session, study_id: int, kind: int, key: str, text: str) -> None:
    """Insert or change an attribute of a study."""
    existing(session, study_id, session.row(LOCK_STUDY, study=study_id))
    put_attr(session, study_id, OF_STUDY, 0, kind, key, text)


def change_study_attr(session: Session, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
    """Change one of tunesmith's own attributes of a study, which is locked meanwhile; return what is stored then."""
    existing(session, study_id, session.row(LOCK_STUDY, study=study_id))
    row = session.row(_STORED_ATTR, study=study_id, at=OF_STUDY, attempted=0, what=SYSTEM, name=key)
    present = None if row is None else attr_from_json(row[0])
    if (new := change(present)) is not present:
        put_attr(session, study_id, OF_STUDY, 0, SYSTEM, key, attr_to_json(key, new))
    return new


def _is_stored(session: Session, statement: sa.Select[Any], value: Values, **values: Values) -> bool:
    """Tell whether a report or an attribute is there with a value."""
    return session.row(statement, **values) == (value,)


def _refuse(row: Row, number: int, fence: Fence) -> None:
    """Raise AttemptReplacedError if a row of `IS_THERE` is at another attempt."""
    _, attempt, token, _ = row
    refuse_replaced(TrialRecord(number, TrialState.RUNNING, attempt=attempt, token=max(token, 0)), fence)


def put_attr(session: Session, study_id: int, at: int, attempt: int, kind: int, key: str, text: str) -> None:
    """Insert or change an attribute of an attempt."""
    if not session.run(_CHANGE_ATTR, study=study_id, at=at, attempted=attempt, what=kind, name=key, value=text):
        session.run(ADD_ATTR, study_id=study_id, number=at, attempt=attempt, kind=kind, key=key, value=text)


def write_attributes(session: Session, study_id: int, trial: TrialRecord, *, new: bool = False) -> None:
    """Write a trial's attributes, and those of its reports that are not there yet."""
    for kind, key, text in attributes_of(trial):
        number, attempt = trial.number, trial.attempt
        if new:
            session.run(ADD_ATTR, study_id=study_id, number=number, attempt=attempt, kind=kind, key=key, value=text)
        else:
            put_attr(session, study_id, number, attempt, kind, key, text)
    if trial.reports:
        curve = with_costs(trial.reports, trial.costs)
        session.many(ADD_REPORT, report_rows(study_id, trial.number, trial.attempt, curve))


def report_rows(
    study_id: int, number: int, attempt: int, curve: Mapping[int, tuple[Reported, float]]
) -> list[dict[str, Values]]:
    """Return what `ADD_REPORT` needs for each step of a curve, step -> (value, cost)."""
    return [
        {
            "study": study_id,
            "at": number,
            "attempted": attempt,
            "step": at,
            "value": each,
            "cost": None if cost != cost or at != step else cost,
        }
        for step, (value, cost) in curve.items()
        for at, each in values_by_step(step, value)
    ]


def new_reports(study_id: int, number: int, curve: Mapping[int, tuple[Reported, float]]) -> list[dict[str, Values]]:
    """Return the rows of a new trial's reports, step -> (value, cost), for `NEW_REPORT`."""
    shared: dict[str, Values] = {"study_id": study_id, "number": number, "attempt": 1}
    return [
        {**shared, "step": at, "value": each, "cost": None if cost != cost or at != step else cost}
        for step, (value, cost) in curve.items()
        for at, each in values_by_step(step, value)
    ]


def attributes_of(trial: TrialRecord) -> list[tuple[int, str, str]]:
    """Return a trial's attributes as (kind, key, text)."""
    if not (trial.user or trial.system):
        return []
    kinds: tuple[tuple[int, Mapping[str, Any] | None], ...] = ((USER, trial.user), (SYSTEM, trial.system))
    return [(kind, key, attr_to_json(key, value)) for kind, held in kinds if held for key, value in held.items()]
