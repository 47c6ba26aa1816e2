"""The ways of a trial before its end: claims, starts and releases, each to be run inside one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.state import FailureKind, TrialState
from tunesmith.storage.checks import GIVEN_UP
from tunesmith.storage.sql.attributes import (
    ENDED,
    IS_THERE,
    LOCK_STUDY,
    RUNS_THIS,
    STUDY,
    STUDY_IS_THERE,
    THIS,
    existing,
    put_attr,
    write_attributes,
)
from tunesmith.storage.sql.counters import CHANGED, RESERVED, STARTED, VERSION, bump
from tunesmith.storage.sql.ends import INSERT_TRIAL
from tunesmith.storage.sql.queries import CLAIM
from tunesmith.storage.sql.schema import IS_WAITING, OPEN, PAUSED, RUNNING, SYSTEM, WAITING, studies, trials
from tunesmith.storage.sql.session import Row, Session, Values
from tunesmith.storage.sql.values import floats_to_bytes, trial_row
from tunesmith.trial.record import Fence, TrialRecord

Taking = Callable[[Session, int, str, int, int], tuple[int, int] | None]  # `claim_waiting` or `reserve`

_t = trials.c
_ONE: sa.ColumnClause[int] = sa.literal_column("1")
_ZERO: sa.ColumnClause[int] = sa.literal_column("0")
_BELOW: sa.BindParameter[int] = sa.bindparam("below")
_NEXT_WAITING = (
    sa.select(_t.number)
    .where(_t.study_id == STUDY, IS_WAITING, _t.number < _BELOW)
    .order_by(_t.number)
    .limit(_ONE)
    .offset(_ZERO)  # else SQLite gets a parameter for it
    .with_for_update(skip_locked=True)
)
_TAKE = (
    sa.update(trials)
    .where(THIS)
    .values(state=RUNNING, worker=sa.bindparam("by"), token=sa.bindparam("held"), started=sa.bindparam("now"))
)
_CLAIM_WAITING, _RESUME = _TAKE.where(_t.state == WAITING), _TAKE.where(_t.state == PAUSED)
_HELD = sa.select(_t.number, _t.space_id, _t.fixed, _t.attempt).where(
    _t.study_id == STUDY, OPEN, _t.state == RUNNING, _t.token == sa.bindparam("held")
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
_RELEASE = _NEXT_ATTEMPT.values(
    state=WAITING, worker=sa.literal_column("''"), token=_ZERO, started=sa.literal_column("NULL")
)
_PAUSE = _NEXT_ATTEMPT.values(
    {c: sa.bindparam(c.name) for c in (_t.space_id, _t.x, _t.cost)}
    | {_t.state: PAUSED, _t.worker: sa.literal_column("''"), _t.token: _ZERO, _t.started: sa.literal_column("NULL")}
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


def look(session: Session, study_id: int) -> Row | None:
    """Return (version, next number, lowest number of a waiting trial or None); None: there is no such study."""
    return session.row(CLAIM, study=study_id)


def claim_waiting(session: Session, study_id: int, worker: str, token: int, below: int) -> tuple[int, int] | None:
    """Take the lowest waiting trial that no other transaction is taking; return (number, version); None: there is none.

    The study's row is locked after the trial's, for only then is it known that there is something to change.
    """
    row = session.row(_NEXT_WAITING, study=study_id, below=below)
    if row is None:
        return None
    session.run(_CLAIM_WAITING, study=study_id, at=row[0], by=worker, held=token, now=time.time())
    return row[0], existing(session, study_id, bump(session, CHANGED, study=study_id))[0]


def held(session: Session, study_id: int, token: int) -> tuple[int, int, bool] | None:
    """Return what a claim took whose answer was lost: (number, version, whether the trial was there before)."""
    # A transaction of before that ends at this moment has the lock.
    existing(session, study_id, session.row(LOCK_STUDY, study=study_id))
    row = session.row(_HELD, study=study_id, held=token) if token else None
    if row is None:
        return None
    number, space_id, fixed, attempt = row
    (version,) = existing(session, study_id, session.row(VERSION, study=study_id))
    return number, version, attempt > 1 or space_id is not None or fixed is not None


def reserve(session: Session, study_id: int, worker: str, token: int, below: int) -> tuple[int, int] | None:
    """Insert an empty running trial; return (number, version); None: no number below the limit is left."""
    counters = bump(session, RESERVED, study=study_id, below=below)
    if counters is None:
        existing(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return None
    version, following, _ = counters
    trial = TrialRecord(following - 1, TrialState.RUNNING, worker=worker, token=token, started=time.time())
    session.run(INSERT_TRIAL, **trial_row(study_id, trial, None, None))
    return following - 1, version


def reserve_at_once(session: Session, study_id: int, worker: str, token: int, below: int) -> tuple[int, int] | None:
    """Do what `reserve` does in one round trip, unless a trial waits; on PostgreSQL.

    The study's row, which all workers need, is locked for the time of this statement. The disk is not waited for: the
    start of the trial, which comes next, is written with all that came before it.
    """
    values: dict[str, Values] = {"study": study_id, "by": worker, "held": token, "below": below, "now": time.time()}
    row = session.row(_RESERVE_AT_ONCE, **values)
    return None if row is None else (row[0], row[1])


def start(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int | None:
    """Insert a new running trial; return the version, or None if another claim took the number."""
    counters = bump(session, STARTED, study=study_id, at=trial.number)
    if counters is None:
        (version,) = existing(session, study_id, session.row(VERSION, study=study_id))
        row = session.row(IS_THERE, study=study_id, at=trial.number) if trial.token else None
        done_before = row is not None and row[:3] == (TrialState.RUNNING, *trial.fence)  # and the answer was lost
        return int(version) if done_before else None
    session.run(INSERT_TRIAL, **trial_row(study_id, trial, space_id, None))
    if trial.user or trial.system or trial.reports:
        write_attributes(session, study_id, trial, new=True)
    return int(counters[0])


def start_reserved(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int | None:
    """Write the point of a trial whose row is there already; return the version, or None if it was released."""
    counters = existing(session, study_id, bump(session, CHANGED, study=study_id))
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
        x=floats_to_bytes(trial.x),
        tag=trial.sampler_state,
        started=trial.started,
    )
    if taken:
        write_attributes(session, study_id, trial)
    return bool(taken)


def release(session: Session, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None) -> bool:
    """Turn running trials into waiting ones, and note how their attempts ended; return whether any did run."""
    existing(session, study_id, bump(session, CHANGED, study=study_id))
    ended = [_end_attempt(session, study_id, n, fence, failure, _RELEASE, {}) for n, fence in fences.items()]
    return any(ended)


def pause(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int | None:
    """Turn a running trial into a paused one; return the study's version, None if the attempt does not run."""
    (version, *_) = existing(session, study_id, bump(session, CHANGED, study=study_id))
    write_attributes(session, study_id, trial)
    values: dict[str, Values] = {
        "space_id": space_id,
        "x": floats_to_bytes(trial.x),
        "cost": None if trial.cost != trial.cost else trial.cost,
    }
    paused = _end_attempt(session, study_id, trial.number, trial.fence, None, _PAUSE, values)
    return int(version) if paused else None


def resume(session: Session, study_id: int, number: int, worker: str, token: int) -> tuple[int, int] | None:
    """Take a paused trial; return (number, version), None if it is not paused."""
    if not session.run(_RESUME, study=study_id, at=number, by=worker, held=token, now=time.time()):
        existing(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return None
    return number, existing(session, study_id, bump(session, CHANGED, study=study_id))[0]


def renew(
    session: Session, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None
) -> Fence | None:
    """Begin the next attempt of a running trial; return its fence; None: the trial is not at the attempt given."""
    existing(session, study_id, bump(session, CHANGED, study=study_id))
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
    put_attr(session, study_id, number, attempt, SYSTEM, ENDED, note)
    return True
