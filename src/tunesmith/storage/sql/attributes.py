"""Statements that write reports and attributes, and the checks before them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.frozen import TrialRecord
from tunesmith.state import TrialState
from tunesmith.storage.checks import attempt_replaced, study_gone
from tunesmith.storage.sql.schema import OF_STUDY, SYSTEM, USER, WORKER, attrs, reports, studies, trials
from tunesmith.storage.sql.session import Row, Session, Values
from tunesmith.storage.sql.values import attr_to_json

_s, _t, _a, _r = studies.c, trials.c, attrs.c, reports.c
STUDY: sa.BindParameter[int] = sa.bindparam("study")
AT: sa.BindParameter[int] = sa.bindparam("at")
THIS = (_t.study_id == STUDY) & (_t.number == AT)
STUDY_IS_THERE = sa.select(_s.id).where(_s.id == STUDY)
LOCK_STUDY = STUDY_IS_THERE.with_for_update()
IS_THERE = sa.select(_t.state, _t.attempt).where(THIS)
LOCK_TRIAL = IS_THERE.with_for_update()

# A report and an attribute belong to the attempt that their trial is at when they are written.
_HAS_REPORT = sa.exists().where(
    _r.study_id == STUDY, _r.number == AT, _r.attempt == _t.attempt, _r.step == sa.bindparam("step")
)
ADD_REPORT = sa.insert(reports).from_select(
    ["study_id", "number", "attempt", "step", "value"],
    sa.select(
        _t.study_id,
        _t.number,
        _t.attempt,
        sa.cast(sa.bindparam("step"), sa.BigInteger),
        sa.cast(sa.bindparam("value"), sa.Double),
    ).where(THIS, ~_HAS_REPORT),
)
_ATTR = (
    (_a.study_id == STUDY)
    & (_a.number == AT)
    & (_a.kind == sa.bindparam("what"))
    & (_a.key == sa.bindparam("name"))
    & (_a.attempt == sa.bindparam("attempted"))
)
_CHANGE_ATTR = sa.update(attrs).where(_ATTR).values({_a.value: sa.bindparam("value")})
ADD_ATTR = sa.insert(attrs)


def existing(session: Session, study_id: int, row: Row | None) -> Row:
    """Return the row of a study; raise StudyNotFoundError if there is none."""
    if row is None:
        raise study_gone(study_id, session.dialect.where)
    return row


def report(session: Session, study_id: int, number: int, attempt: int, step: int, value: float) -> None:
    """Insert a report of an attempt of a running trial; a step that is there already stays."""
    row = session.row(LOCK_TRIAL, study=study_id, at=number)  # so that it cannot finish in between
    if row is None:
        existing(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
    elif attempt < row[1]:
        raise attempt_replaced(number, attempt, row[1])
    elif row[0] == TrialState.RUNNING and attempt == row[1]:
        session.run(ADD_REPORT, study=study_id, at=number, step=step, value=value)


def set_attr(
    session: Session, study_id: int, number: int | None, kind: int, key: str, text: str, attempt: int | None = None
) -> None:
    """Insert or change one attribute."""
    existing(session, study_id, session.row(LOCK_STUDY, study=study_id))
    if number is None:
        _put_attr(session, study_id, OF_STUDY, 0, kind, key, text)
        return
    row = session.row(IS_THERE, study=study_id, at=number)
    if row is None:
        raise KeyError(f"the study has no trial {number}")
    if attempt is not None and attempt < row[1]:
        raise attempt_replaced(number, attempt, row[1])
    _put_attr(session, study_id, number, row[1], kind, key, text)


def heartbeat(session: Session, study_id: int, worker: str) -> None:
    """Write the time of a worker's sign of life."""
    set_attr(session, study_id, None, WORKER, worker, json.dumps(time.time()))


def _put_attr(session: Session, study_id: int, at: int, attempt: int, kind: int, key: str, text: str) -> None:
    if not session.run(_CHANGE_ATTR, study=study_id, at=at, attempted=attempt, what=kind, name=key, value=text):
        session.run(ADD_ATTR, study_id=study_id, number=at, attempt=attempt, kind=kind, key=key, value=text)


def write_attributes(session: Session, study_id: int, trial: TrialRecord, *, new: bool = False) -> None:
    """Write a trial's attributes, and those of its reports that are not there yet."""
    for kind, key, text in attributes_of(trial):
        number, attempt = trial.number, trial.attempt
        if new:
            session.run(ADD_ATTR, study_id=study_id, number=number, attempt=attempt, kind=kind, key=key, value=text)
        else:
            _put_attr(session, study_id, number, attempt, kind, key, text)
    if trial.reports:
        rows: list[dict[str, Values]] = [
            {"study": study_id, "at": trial.number, "step": step, "value": value}
            for step, value in trial.reports.items()
        ]
        session.many(ADD_REPORT, rows)


def attributes_of(trial: TrialRecord) -> list[tuple[int, str, str]]:
    """Return a trial's attributes as (kind, key, text)."""
    if not (trial.user or trial.system):
        return []
    kinds: tuple[tuple[int, Mapping[str, Any] | None], ...] = ((USER, trial.user), (SYSTEM, trial.system))
    return [(kind, key, attr_to_json(key, value)) for kind, held in kinds if held for key, value in held.items()]
