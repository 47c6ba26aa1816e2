"""The ends of trials, each to be written inside one transaction, and their order.

In an SQLite file the end of a trial gets its place, `seq`, as it is written. On a server, where all workers would wait
for the counter, it gets none at first. Before somebody reads, `order_ends` gives places to all ends that have none: one
transaction at a time does so, under a lock that nothing else takes, and it sees all places that were given before. So
places have no gap, and whoever has read up to one has missed no end: one that is committed later gets a later place.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.sql.attributes import (
    ADD_ATTR,
    LOCK_STUDY,
    NEW_REPORT,
    RUNS_THIS,
    STUDY,
    attributes_of,
    existing,
    new_reports,
    write_attributes,
)
from tunesmith.storage.sql.counters import ADDED, FINISHED, LAST_SEQ, ORDERED, bump
from tunesmith.storage.sql.schema import OPEN, PAUSED, RUNNING, WAITING, trials
from tunesmith.storage.sql.session import Session, Values
from tunesmith.storage.sql.values import outcome_columns, trial_row
from tunesmith.trial.record import TrialRecord

_t = trials.c
_ENDED = (
    "state", "seq", "space_id", "x", "y", "value", "feasible", "tag", "cost", "constraints", "reason", "failure",
    "finished",
)  # fmt: skip
_END = sa.update(trials).where(RUNS_THIS).values({name: sa.bindparam(name) for name in _ENDED})
INSERT_TRIAL = sa.insert(trials)
_WITHOUT_PLACE = (_t.study_id == STUDY) & OPEN & _t.state.not_in([RUNNING, WAITING, PAUSED])
ANY_WITHOUT_PLACE = sa.select(_t.number).where(_WITHOUT_PLACE).limit(sa.literal_column("1"))
# One statement for any number of ends: a statement for each takes a round trip for each (PyMySQL), under a lock.
_RANKED = (
    sa.select(_t.number, sa.func.row_number().over(order_by=[_t.finished, _t.number]).label("place"))
    .where(_WITHOUT_PLACE)
    .subquery("ranked")
)
_PLACE = (
    sa.update(trials)
    .where(_t.study_id == STUDY, _t.number == _RANKED.c.number)
    .values(seq=sa.bindparam("last") + _RANKED.c.place)
)
_MARKED = sa.select(_t.number).where(_t.study_id == STUDY, _t.token == sa.bindparam("mark")).order_by(_t.number)
_ORDER_LOCK = 743_627_811  # the class of our advisory locks; the study's id is the object
_LOCK_ORDER = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column(str(_ORDER_LOCK)), sa.bindparam("lock")))


class NotRunningError(Exception):
    """Raised to leave the transaction: the attempt that is to be ended does not run."""


def finish(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> tuple[int, int]:
    """Write the end of a trial and its place; return (seq, version)."""
    version, _, seq = existing(session, study_id, bump(session, FINISHED, study=study_id))
    _end(session, study_id, trial, space_id, seq)
    return seq, version


def finish_without_place(session: Session, study_id: int, trial: TrialRecord, space_id: int | None) -> tuple[int, int]:
    """Write the end of a trial; return zeros in place of what is not known yet."""
    _end(session, study_id, trial, space_id, None)
    return 0, 0


def _end(session: Session, study_id: int, trial: TrialRecord, space_id: int | None, seq: int | None) -> None:
    ended = session.run(
        _END,
        study=study_id,
        at=trial.number,
        attempted=trial.attempt,
        held=trial.token,
        seq=seq,
        finished=trial.finished,
        **outcome_columns(trial, space_id),
    )
    if not ended:
        raise NotRunningError
    if trial.user or trial.system or trial.reports:
        write_attributes(session, study_id, trial)


def lock_order(session: Session, study_id: int) -> None:
    """Wait until no other transaction gives places in a study, and keep others from it until this one ends."""
    if session.dialect.name == "postgresql":
        session.rows(_LOCK_ORDER, lock=study_id % 2**31)
    else:
        existing(session, study_id, session.row(LOCK_STUDY, study=study_id))


def order_ends(session: Session, study_id: int) -> None:
    """Give places to the ends that have none."""
    lock_order(session, study_id)
    (last,) = existing(session, study_id, session.row(LAST_SEQ, study=study_id))
    placed = session.run(_PLACE, study=study_id, last=last)
    if placed:  # else another transaction was faster
        # Last, for whoever reserves a number waits for this row from now until the COMMIT.
        existing(session, study_id, bump(session, ORDERED, study=study_id, seqs=placed))


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
    _, following, last = existing(session, study_id, counters)
    numbers = list(range(following - len(given), following))
    seq = last - finished
    rows = []
    for trial, number, space_id in zip(given, numbers, space_ids, strict=True):
        row = trial_row(study_id, trial, space_id, declared)
        row.update(number=number, attempt=1, token=mark)
        if trial.state is TrialState.WAITING:
            row.update(worker="", y=None, value=None)
        else:
            seq += 1
            row.update(seq=seq)
        rows.append(row)
    session.many(INSERT_TRIAL, rows)
    notes: list[dict[str, Values]] = [
        {"study_id": study_id, "number": n, "attempt": 1, "kind": kind, "key": key, "value": text}
        for t, n in zip(given, numbers, strict=True)
        for kind, key, text in attributes_of(t)
    ]
    session.many(ADD_ATTR, notes)
    curves = [
        row
        for t, n in zip(given, numbers, strict=True)
        if t.state is not TrialState.WAITING
        for row in new_reports(study_id, n, t.learning_curve())
    ]
    session.many(NEW_REPORT, curves)
    return numbers
