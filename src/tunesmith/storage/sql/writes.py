"""What is written: the statements of each change, to be run inside one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (  # noqa: TID253 - see schema.py
    BigInteger,
    BindParameter,
    ColumnClause,
    Double,
    Integer,
    Update,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.checks import attempt_replaced, study_gone
from tunesmith.storage.sql.codec import attr_to_json, fixed_to_json, pack, space_to_text
from tunesmith.storage.sql.schema import OF_STUDY, OPEN, SYSTEM, USER, WORKER, attrs, reports, spaces, studies, trials
from tunesmith.storage.sql.session import Row, Session, Values
from tunesmith.text import plain_text
from tunesmith.trial import FrozenTrial

_ONE: ColumnClause[int] = literal_column("1")
_ZERO: ColumnClause[int] = literal_column("0")
_s, _t, _a, _r = studies.c, trials.c, attrs.c, reports.c
_STUDY: BindParameter[int] = bindparam("study")
_AT: BindParameter[int] = bindparam("at")
_THIS = (_t.study_id == _STUDY) & (_t.number == _AT)
_RUNNING = _t.state == literal_column(str(int(TrialState.RUNNING)))
_WAITING = _t.state == literal_column(str(int(TrialState.WAITING)))

# -- the study's counters: the first statement of every change, since it locks the study's row -----------------------

_BUMP = update(studies).where(_s.id == _STUDY)
_CHANGED = _BUMP.values(version=_s.version + _ONE)
_STARTED = _BUMP.where(_s.next_number == _AT).values(version=_s.version + _ONE, next_number=_s.next_number + _ONE)
_RESERVED = _BUMP.values(version=_s.version + _ONE, next_number=_s.next_number + _ONE)
_FINISHED = _BUMP.values(version=_s.version + _ONE, last_seq=_s.last_seq + _ONE)
_ADDED = _BUMP.values(
    version=_s.version + _ONE,
    next_number=_s.next_number + bindparam("numbers", type_=BigInteger),
    last_seq=_s.last_seq + bindparam("seqs", type_=BigInteger),
)
_COUNTERS = (_s.version, _s.next_number, _s.last_seq)
_RETURNING: dict[Update, Any] = {}
_READ_COUNTERS = select(*_COUNTERS).where(_s.id == _STUDY)
for _statement in (_CHANGED, _STARTED, _RESERVED, _FINISHED, _ADDED):
    _RETURNING[_statement] = _statement.returning(*_COUNTERS)


def _bump(session: Session, statement: Update, **values: Values) -> Row | None:
    """Move a study's counters; return (version, next_number, last_seq) as they are now, None if no row fits."""
    if session.dialect.returning:
        return session.row(_RETURNING[statement], **values)
    if not session.run(statement, **values):
        return None
    return session.row(_READ_COUNTERS, study=values["study"])


# -- trials ----------------------------------------------------------------------------------------------------------

_INSERT_TRIAL = insert(trials)
_TAKE = update(trials).where(_THIS, _RUNNING, _t.attempt == bindparam("attempted"), _t.worker == bindparam("by"))
_START_RESERVED = _TAKE.values({c: bindparam(c.name) for c in (_t.space_id, _t.x, _t.tag, _t.started)})
_END = (
    update(trials)
    .where(_THIS, _RUNNING, _t.attempt == bindparam("attempted"))
    .values(
        {
            c: bindparam(c.name)
            for c in (
                _t.state, _t.seq, _t.space_id, _t.x, _t.y, _t.value, _t.feasible, _t.tag, _t.cost, _t.constraints,
                _t.reason, _t.finished,
            )
        }
    )
)  # fmt: skip
_NEXT_WAITING = select(func.min(_t.number)).where(_t.study_id == _STUDY, OPEN, _WAITING)
_CLAIM_WAITING = (
    update(trials)
    .where(_THIS)
    .values(
        {
            _t.state: literal_column(str(int(TrialState.RUNNING))),
            _t.worker: bindparam("by"),
            _t.started: bindparam("now"),
        }
    )
)
_RELEASE = (
    update(trials)
    .where(_THIS, _RUNNING, _t.attempt == bindparam("attempted"))
    .values(
        {
            _t.state: literal_column(str(int(TrialState.WAITING))),
            _t.attempt: _t.attempt + _ONE,
            _t.crashes: _t.crashes + bindparam("died", type_=Integer),
            _t.worker: literal_column("''"),
            _t.started: literal_column("NULL"),
        }
    )
)
_IS_THERE = select(_t.state, _t.attempt).where(_THIS)
_LOCK_TRIAL = _IS_THERE.with_for_update()
_STUDY_IS_THERE = select(_s.id).where(_s.id == _STUDY)

# -- reports and attributes ------------------------------------------------------------------------------------------

# A report and an attribute belong to the attempt that their trial is at when they are written.
_HAS_REPORT = exists().where(
    _r.study_id == _STUDY, _r.number == _AT, _r.attempt == _t.attempt, _r.step == bindparam("step")
)
_ADD_REPORT = insert(reports).from_select(
    ["study_id", "number", "attempt", "step", "value"],
    select(
        _t.study_id,
        _t.number,
        _t.attempt,
        cast(bindparam("step"), BigInteger),
        cast(bindparam("value"), Double),
    ).where(_THIS, ~_HAS_REPORT),
)
_ATTR = (
    (_a.study_id == _STUDY)
    & (_a.number == _AT)
    & (_a.kind == bindparam("what"))
    & (_a.key == bindparam("name"))
    & (_a.attempt == bindparam("attempted"))
)
_CHANGE_ATTR = update(attrs).where(_ATTR).values({_a.value: bindparam("value")})
_ADD_ATTR = insert(attrs)

# -- studies and spaces ----------------------------------------------------------------------------------------------

_INSERT_STUDY = insert(studies).values(
    {c: bindparam(c.name) for c in (_s.name, _s.directions, _s.seed, _s.created)}
    | {_s.version: _ZERO, _s.next_number: _ZERO, _s.last_seq: _ZERO}
)
_STUDY_ID = select(_s.id).where(_s.name == bindparam("name"))
_LOCK_STUDY = _STUDY_IS_THERE.with_for_update()
_DECLARE = update(studies).where(_s.id == _STUDY).values({_s.space_id: bindparam("space")})
_SPACE_ID = select(spaces.c.id).where(spaces.c.study_id == _STUDY, spaces.c.hash == bindparam("digest"))
_INSERT_SPACE = insert(spaces).values(
    {spaces.c.study_id: _STUDY, spaces.c.hash: bindparam("digest"), spaces.c.space: bindparam("text")}
)
_DELETES = [delete(table).where(table.c.study_id == _STUDY) for table in (reports, attrs, trials, spaces)]
_DELETE_STUDY = delete(studies).where(_s.id == _STUDY)


class Unchanged(Exception):
    """Leave the transaction without a change."""


def _some(session: Session, study_id: int, row: Row | None) -> Row:
    """Return the row of a study that must be there."""
    if row is None:
        raise study_gone(study_id, session.dialect.where)
    return row


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
    _some(session, study_id, session.row(_LOCK_STUDY, study=study_id))
    for statement in _DELETES:
        session.run(statement, study=study_id)
    session.run(_DELETE_STUDY, study=study_id)


def intern_space(session: Session, study_id: int, space: Space) -> int:
    """Return the id of a study's space; insert it if it is new."""
    text, digest = space_to_text(space)
    _some(session, study_id, session.row(_LOCK_STUDY, study=study_id))
    row = session.row(_SPACE_ID, study=study_id, digest=digest)
    if row is None:
        session.run(_INSERT_SPACE, study=study_id, digest=digest, text=text)
        row = session.row(_SPACE_ID, study=study_id, digest=digest)
    return int(_some(session, study_id, row)[0])


def declare_space(session: Session, study_id: int, space_id: int) -> None:
    """Note which space a study declares."""
    if not session.run(_DECLARE, study=study_id, space=space_id):
        raise study_gone(study_id, session.dialect.where)


# -- a trial's way ---------------------------------------------------------------------------------------------------


def claim_waiting(session: Session, study_id: int, worker: str) -> tuple[int, int]:
    """Take the lowest waiting trial; return (number, version)."""
    counters = _some(session, study_id, _bump(session, _CHANGED, study=study_id))
    row = session.row(_NEXT_WAITING, study=study_id)
    if row is None or row[0] is None:
        raise Unchanged
    session.run(_CLAIM_WAITING, study=study_id, at=row[0], by=worker, now=time.time())
    return row[0], counters[0]


def reserve(session: Session, study_id: int, worker: str) -> tuple[int, int]:
    """Insert an empty running trial; return (number, version)."""
    version, following, _ = _some(session, study_id, _bump(session, _RESERVED, study=study_id))
    trial = FrozenTrial(following - 1, TrialState.RUNNING, worker=worker, started=time.time())
    session.run(_INSERT_TRIAL, **_trial_row(study_id, trial, None, None))
    return following - 1, version


def start(session: Session, study_id: int, trial: FrozenTrial, space_id: int | None) -> int | None:
    """Insert a new running trial; return the version, or None if the number is taken."""
    counters = _bump(session, _STARTED, study=study_id, at=trial.number)
    if counters is None:
        _some(session, study_id, session.row(_STUDY_IS_THERE, study=study_id))
        return None
    session.run(_INSERT_TRIAL, **_trial_row(study_id, trial, space_id, None))
    _write_notes(session, study_id, trial)
    return int(counters[0])


def start_reserved(session: Session, study_id: int, trial: FrozenTrial, space_id: int | None) -> int:
    """Write the point of a trial that stands there already; return the version."""
    counters = _some(session, study_id, _bump(session, _CHANGED, study=study_id))
    taken = session.run(
        _START_RESERVED,
        study=study_id,
        at=trial.number,
        attempted=trial.attempt,
        by=trial.worker,
        space_id=space_id,
        x=None if space_id is None else pack(trial.x),
        tag=trial.tag,
        started=trial.started,
    )
    if not taken:
        raise Unchanged
    _write_notes(session, study_id, trial)
    return int(counters[0])


def report(session: Session, study_id: int, number: int, attempt: int, step: int, value: float) -> None:
    """Insert a report of an attempt of a running trial, unless the step is there."""
    row = session.row(_LOCK_TRIAL, study=study_id, at=number)  # so that it cannot finish in between
    if row is None:
        _some(session, study_id, session.row(_STUDY_IS_THERE, study=study_id))
    elif attempt < row[1]:
        raise attempt_replaced(number, attempt, row[1])
    elif row[0] == TrialState.RUNNING and attempt == row[1]:
        session.run(_ADD_REPORT, study=study_id, at=number, step=step, value=value)


def finish(session: Session, study_id: int, trial: FrozenTrial, space_id: int | None) -> tuple[int, int]:
    """Write the end of a trial; return (seq, version)."""
    version, _, seq = _some(session, study_id, _bump(session, _FINISHED, study=study_id))
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
        if session.row(_IS_THERE, study=study_id, at=trial.number) is None:
            raise KeyError(f"the study has no trial {trial.number}")
        raise Unchanged
    _write_notes(session, study_id, trial)
    return seq, version


def add(
    session: Session,
    study_id: int,
    given: Sequence[FrozenTrial],
    space_ids: Sequence[int | None],
    declared: Space | None,
) -> list[int]:
    """Insert trials under new numbers; return these."""
    finished = sum(t.state.is_finished() for t in given)
    counters = _bump(session, _ADDED, study=study_id, numbers=len(given), seqs=finished)
    _, following, last = _some(session, study_id, counters)
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
        for kind, key, text in _notes(t)
    ]
    session.many(_ADD_ATTR, notes)
    curves: list[dict[str, Values]] = [
        {"study": study_id, "at": n, "step": step, "value": value}
        for t, n in zip(given, numbers, strict=True)
        if t.state is not TrialState.WAITING
        for step, value in t.intermediate_values.items()
    ]
    session.many(_ADD_REPORT, curves)
    return numbers


def release(session: Session, study_id: int, attempts: Mapping[int, int], crashed: bool) -> None:
    """Make running trials wait."""
    _some(session, study_id, _bump(session, _CHANGED, study=study_id))
    released = [
        session.run(_RELEASE, study=study_id, at=n, attempted=a, died=int(crashed)) for n, a in attempts.items()
    ]
    if not any(released):
        raise Unchanged


# -- attributes ------------------------------------------------------------------------------------------------------


def set_attr(
    session: Session, study_id: int, number: int | None, kind: int, key: str, text: str, attempt: int | None = None
) -> None:
    """Insert or change one attribute."""
    _some(session, study_id, session.row(_LOCK_STUDY, study=study_id))
    if number is None:
        _put_attr(session, study_id, OF_STUDY, 0, kind, key, text)
        return
    row = session.row(_IS_THERE, study=study_id, at=number)
    if row is None:
        raise KeyError(f"the study has no trial {number}")
    if attempt is not None and attempt < row[1]:
        raise attempt_replaced(number, attempt, row[1])
    _put_attr(session, study_id, number, row[1], kind, key, text)


def heartbeat(session: Session, study_id: int, worker: str) -> None:
    """Note the time at which a worker lives."""
    set_attr(session, study_id, None, WORKER, worker, json.dumps(time.time()))


def _put_attr(session: Session, study_id: int, at: int, attempt: int, kind: int, key: str, text: str) -> None:
    if not session.run(_CHANGE_ATTR, study=study_id, at=at, attempted=attempt, what=kind, name=key, value=text):
        session.run(_ADD_ATTR, study_id=study_id, number=at, attempt=attempt, kind=kind, key=key, value=text)


def _write_notes(session: Session, study_id: int, trial: FrozenTrial) -> None:
    """Write a trial's attributes and those of its reports that are not there yet."""
    for kind, key, text in _notes(trial):
        _put_attr(session, study_id, trial.number, trial.attempt, kind, key, text)
    if trial.reports:
        rows: list[dict[str, Values]] = [
            {"study": study_id, "at": trial.number, "step": step, "value": value}
            for step, value in trial.reports.items()
        ]
        session.many(_ADD_REPORT, rows)


def _notes(trial: FrozenTrial) -> list[tuple[int, str, str]]:
    """A trial's attributes as (kind, key, text)."""
    if not (trial.user or trial.system):
        return []
    kinds: tuple[tuple[int, Mapping[str, Any] | None], ...] = ((USER, trial.user), (SYSTEM, trial.system))
    return [(kind, key, attr_to_json(key, value)) for kind, held in kinds if held for key, value in held.items()]


def _trial_row(study_id: int, trial: FrozenTrial, space_id: int | None, declared: Space | None) -> dict[str, Values]:
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


def _outcome(trial: FrozenTrial, space_id: int | None) -> dict[str, Values]:
    values = trial.values
    return {
        "state": int(trial.state),
        "space_id": space_id,
        "x": None if space_id is None else pack(trial.x),
        "y": pack(values),
        "value": float(values[0]) if values else None,
        "feasible": int(trial.feasible),
        "tag": int(trial.tag),
        "cost": trial.cost,
        "constraints": json.dumps(trial.constraints) if trial.constraints else None,
        "reason": None if trial.reason is None else plain_text(trial.reason),
    }
