"""The changes of studies and trials, each to be run inside one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.frozen import TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.checks import study_gone
from tunesmith.storage.sql.attributes import (
    ADD_ATTR,
    ADD_REPORT,
    AT,
    IS_THERE,
    LOCK_STUDY,
    STUDY,
    STUDY_IS_THERE,
    THIS,
    attributes_of,
    existing,
    write_attributes,
)
from tunesmith.storage.sql.schema import OPEN, RUNNING, WAITING, attrs, reports, spaces, studies, trials
from tunesmith.storage.sql.session import Row, Session, Values
from tunesmith.storage.sql.space_cache import space_to_text
from tunesmith.storage.sql.values import fixed_to_json, floats_to_bytes
from tunesmith.text import plain_text

_ONE: sa.ColumnClause[int] = sa.literal_column("1")
_ZERO: sa.ColumnClause[int] = sa.literal_column("0")
_s, _t = studies.c, trials.c

# -- the study's counters: the first statement of every change, because it locks the study's row ----------------------

_BUMP = sa.update(studies).where(_s.id == STUDY)
_CHANGED = _BUMP.values(version=_s.version + _ONE)
_STARTED = _BUMP.where(_s.next_number == AT).values(version=_s.version + _ONE, next_number=_s.next_number + _ONE)
_RESERVED = _BUMP.values(version=_s.version + _ONE, next_number=_s.next_number + _ONE)
_FINISHED = _BUMP.values(version=_s.version + _ONE, last_seq=_s.last_seq + _ONE)
_ADDED = _BUMP.values(
    version=_s.version + _ONE,
    next_number=_s.next_number + sa.bindparam("numbers", type_=sa.BigInteger),
    last_seq=_s.last_seq + sa.bindparam("seqs", type_=sa.BigInteger),
)
_COUNTERS = (_s.version, _s.next_number, _s.last_seq)
_RETURNING: dict[sa.Update, Any] = {}
_READ_COUNTERS = sa.select(*_COUNTERS).where(_s.id == STUDY)
for _statement in (_CHANGED, _STARTED, _RESERVED, _FINISHED, _ADDED):
    _RETURNING[_statement] = _statement.returning(*_COUNTERS)


def _bump(session: Session, statement: sa.Update, **values: Values) -> Row | None:
    """Raise a study's counters; return (version, next_number, last_seq) after that; None: no row fits."""
    if session.dialect.returning:
        return session.row(_RETURNING[statement], **values)
    if not session.run(statement, **values):
        return None
    return session.row(_READ_COUNTERS, study=values["study"])


# -- trials ----------------------------------------------------------------------------------------------------------

_INSERT_TRIAL = sa.insert(trials)
_RUNNING_ATTEMPT = (
    sa.update(trials).where(THIS, _t.state == RUNNING, _t.attempt == sa.bindparam("attempted"))
)  # fmt: skip
_START_RESERVED = _RUNNING_ATTEMPT.where(_t.worker == sa.bindparam("by")).values(
    {c: sa.bindparam(c.name) for c in (_t.space_id, _t.x, _t.tag, _t.started)}
)
_ENDED = (
    "state", "seq", "space_id", "x", "y", "value", "feasible", "tag", "cost", "constraints", "reason", "finished",
)  # fmt: skip
_END = _RUNNING_ATTEMPT.values({name: sa.bindparam(name) for name in _ENDED})
_NEXT_WAITING = sa.select(sa.func.min(_t.number)).where(_t.study_id == STUDY, OPEN, _t.state == WAITING)
_CLAIM_WAITING = (
    sa.update(trials).where(THIS).values(state=RUNNING, worker=sa.bindparam("by"), started=sa.bindparam("now"))
)
_RELEASE = _RUNNING_ATTEMPT.values(
    state=WAITING,
    attempt=_t.attempt + _ONE,
    crashes=_t.crashes + sa.bindparam("died", type_=sa.Integer),
    worker=sa.literal_column("''"),
    started=sa.literal_column("NULL"),
)
# -- studies and spaces ----------------------------------------------------------------------------------------------

_INSERT_STUDY = sa.insert(studies).values(
    {name: sa.bindparam(name) for name in ("name", "directions", "seed", "created")}
    | dict.fromkeys(("version", "next_number", "last_seq"), _ZERO)
)
_STUDY_ID = sa.select(_s.id).where(_s.name == sa.bindparam("name"))
_DECLARE = sa.update(studies).where(_s.id == STUDY).values(space_id=sa.bindparam("space"))
_SPACE_ID = sa.select(spaces.c.id).where(spaces.c.study_id == STUDY, spaces.c.hash == sa.bindparam("digest"))
_INSERT_SPACE = sa.insert(spaces).values(study_id=STUDY, hash=sa.bindparam("digest"), space=sa.bindparam("text"))
_DELETES = [sa.delete(table).where(table.c.study_id == STUDY) for table in (reports, attrs, trials, spaces)]
_DELETE_STUDY = sa.delete(studies).where(_s.id == STUDY)


class Unchanged(Exception):
    """Raised to leave the transaction without a change."""


def create_study(session: Session, name: str, directions: Sequence[str], seed: int) -> tuple[int, float] | None:
    """Insert a study; return its id and time, or None if the name is taken."""
    if session.row(_STUDY_ID, name=name) is not None:
        return None
    now = time.time()
    session.run(_INSERT_STUDY, name=name, directions=json.dumps(list(directions)), seed=seed, created=now)
    row = session.row(_STUDY_ID, name=name)
    return None if row is None else (row[0], now)


def delete_study(session: Session, study_id: int) -> None:
    """Delete everything of a study."""
    existing(session, study_id, session.row(LOCK_STUDY, study=study_id))
    for statement in _DELETES:
        session.run(statement, study=study_id)
    session.run(_DELETE_STUDY, study=study_id)


def intern_space(session: Session, study_id: int, space: Space) -> int:
    """Return the id of a study's space; sa.insert it if it is new."""
    text, digest = space_to_text(space)
    existing(session, study_id, session.row(LOCK_STUDY, study=study_id))
    row = session.row(_SPACE_ID, study=study_id, digest=digest)
    if row is None:
        session.run(_INSERT_SPACE, study=study_id, digest=digest, text=text)
        row = session.row(_SPACE_ID, study=study_id, digest=digest)
    return int(existing(session, study_id, row)[0])


def declare_space(session: Session, study_id: int, space_id: int) -> None:
    """Write which space a study declares."""
    if not session.run(_DECLARE, study=study_id, space=space_id):
        raise study_gone(study_id, session.dialect.where)


# -- a trial's way ---------------------------------------------------------------------------------------------------


def claim_waiting(session: Session, study_id: int, worker: str) -> tuple[int, int]:
    """Take the lowest waiting trial; return (number, version)."""
    counters = existing(session, study_id, _bump(session, _CHANGED, study=study_id))
    row = session.row(_NEXT_WAITING, study=study_id)
    if row is None or row[0] is None:
        raise Unchanged
    session.run(_CLAIM_WAITING, study=study_id, at=row[0], by=worker, now=time.time())
    return row[0], counters[0]


def reserve(session: Session, study_id: int, worker: str) -> tuple[int, int]:
    """Insert an empty running trial; return (number, version)."""
    version, following, _ = existing(session, study_id, _bump(session, _RESERVED, study=study_id))
    trial = TrialRecord(following - 1, TrialState.RUNNING, worker=worker, started=time.time())
    session.run(_INSERT_TRIAL, **_trial_row(study_id, trial, None, None))
    return following - 1, version


def start(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int | None:
    """Insert a new running trial; return the version, or None if the number is taken."""
    counters = _bump(session, _STARTED, study=study_id, at=trial.number)
    if counters is None:
        existing(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
        return None
    session.run(_INSERT_TRIAL, **_trial_row(study_id, trial, space_id, None))
    write_attributes(session, study_id, trial, new=True)
    return int(counters[0])


def start_reserved(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> int:
    """Write the point of a trial whose row is there already; return the version."""
    counters = existing(session, study_id, _bump(session, _CHANGED, study=study_id))
    taken = session.run(
        _START_RESERVED,
        study=study_id,
        at=trial.number,
        attempted=trial.attempt,
        by=trial.worker,
        space_id=space_id,
        x=None if space_id is None else floats_to_bytes(trial.x),
        tag=trial.sampler_state,
        started=trial.started,
    )
    if not taken:
        raise Unchanged
    write_attributes(session, study_id, trial)
    return int(counters[0])


def finish(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> tuple[int, int]:
    """Write the end of a trial; return (seq, version)."""
    version, _, seq = existing(session, study_id, _bump(session, _FINISHED, study=study_id))
    ended = session.run(
        _END,
        study=study_id,
        at=trial.number,
        attempted=trial.attempt,
        seq=seq,
        finished=trial.finished,
        **_outcome(trial, space_id),
    )
    if not ended:
        if session.row(IS_THERE, study=study_id, at=trial.number) is None:
            raise KeyError(f"the study has no trial {trial.number}")
        raise Unchanged
    write_attributes(session, study_id, trial)
    return seq, version


def add(
    session: Session,
    study_id: int,
    given: Sequence[TrialRecord],
    space_ids: Sequence[int | None],
    declared: Space | None,
) -> list[int]:
    """Insert trials under new numbers; return the numbers."""
    finished = sum(t.state.is_finished() for t in given)
    counters = _bump(session, _ADDED, study=study_id, numbers=len(given), seqs=finished)
    _, following, last = existing(session, study_id, counters)
    numbers = list(range(following - len(given), following))
    seq = last - finished
    rows = []
    for trial, number, space_id in zip(given, numbers, space_ids, strict=True):
        row = _trial_row(study_id, trial, space_id, declared)
        row.update(number=number, attempt=1)
        if trial.state is TrialState.WAITING:
            row.update(worker="", y=None, value=None)
        else:
            seq += 1
            row.update(seq=seq)
        rows.append(row)
    session.many(_INSERT_TRIAL, rows)
    notes: list[dict[str, Values]] = [
        {"study_id": study_id, "number": n, "attempt": 1, "kind": kind, "key": key, "value": text}
        for t, n in zip(given, numbers, strict=True)
        for kind, key, text in attributes_of(t)
    ]
    session.many(ADD_ATTR, notes)
    curves: list[dict[str, Values]] = [
        {"study": study_id, "at": n, "step": step, "value": value}
        for t, n in zip(given, numbers, strict=True)
        if t.state is not TrialState.WAITING
        for step, value in t.intermediate_values.items()
    ]
    session.many(ADD_REPORT, curves)
    return numbers


def release(session: Session, study_id: int, attempts: Mapping[int, int], crashed: bool) -> None:
    """Turn running trials into waiting ones."""
    existing(session, study_id, _bump(session, _CHANGED, study=study_id))
    released = [
        session.run(_RELEASE, study=study_id, at=n, attempted=a, died=int(crashed)) for n, a in attempts.items()
    ]
    if not any(released):
        raise Unchanged


def _trial_row(study_id: int, trial: TrialRecord, space_id: int | None, declared: Space | None) -> dict[str, Values]:
    return {
        "study_id": study_id,
        "number": trial.number,
        "state": int(trial.state),
        "attempt": trial.attempt,
        "seq": None,
        "started": trial.started,
        "finished": trial.finished,
        "worker": trial.worker,
        "fixed": fixed_to_json(trial.fixed, declared),
        "crashes": 0,
        **_outcome(trial, space_id),
    }


def _outcome(trial: TrialRecord, space_id: int | None) -> dict[str, Values]:
    values = trial.values
    return {
        "state": int(trial.state),
        "space_id": space_id,
        "x": None if space_id is None else floats_to_bytes(trial.x),
        "y": floats_to_bytes(values),
        "value": float(values[0]) if values else None,
        "feasible": int(trial.feasible),
        "tag": int(trial.sampler_state),
        "cost": trial.cost,
        "constraints": json.dumps(trial.constraints) if trial.constraints else None,
        "reason": None if trial.reason is None else plain_text(trial.reason),
    }
