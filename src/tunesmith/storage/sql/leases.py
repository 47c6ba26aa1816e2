"""Signs of life of workers, and which of them count as dead."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.storage.records import Lease
from tunesmith.storage.sql.schema import OPEN, RUNNING, trials, workers
from tunesmith.storage.sql.session import Session

_t, _w = trials.c, workers.c
_NAME: sa.BindParameter[str] = sa.bindparam("who")
_KEPT = 7 * 86400.0  # seconds after its last sign of life for which a worker's row is kept
# The time of the server, in unix seconds; a worker's own clock may be wrong.
_NOW = {"postgresql": "extract(epoch FROM clock_timestamp())", "mysql": "unix_timestamp(sysdate(6))"}
_NOW["mariadb"] = _NOW["mysql"]
_RUNNING_WORKERS = sa.select(_t.number, _t.worker).where(
    _t.study_id == sa.bindparam("study"), OPEN, _t.state == RUNNING
)
_FORGET = sa.delete(workers).where(_w.seen < sa.bindparam("before"))


class Statements:
    """The statements in which a server's own time occurs, in the dialect of one database."""

    def __init__(self, dialect: str) -> None:
        now: sa.ColumnClause[float] = sa.literal_column(_NOW.get(dialect, "NULL"))
        expires = now + sa.bindparam("ttl", type_=sa.Double)
        self.beat = sa.update(workers).where(_w.name == _NAME)
        self.beat = self.beat.values(
            beat=_w.beat + sa.literal_column("1"), expires=expires, seen=sa.bindparam("now", type_=sa.Double)
        )
        seen = sa.bindparam("now", type_=sa.Double)
        columns: list[sa.ColumnElement[Any]] = [sa.cast(_NAME, sa.String(255)), sa.literal_column("1"), expires, seen]
        self.first_beat = sa.insert(workers).from_select(["name", "beat", "expires", "seen"], sa.select(*columns))
        self.look = sa.select(_w.name, _w.beat, _w.expires - now)


def beat(session: Session, statements: Statements, worker: str, ttl: float) -> None:
    """Write a sign of life."""
    now = time.time()
    if not session.run(statements.beat, who=worker, ttl=ttl, now=now):
        session.run(statements.first_beat, who=worker, ttl=ttl, now=now)
        session.run(_FORGET, before=now - _KEPT)


def running_workers(session: Session, study_id: int) -> dict[int, str]:
    """Return who runs each running trial."""
    return dict(session.rows(_RUNNING_WORKERS, study=study_id))


def beats(session: Session, statements: Statements) -> dict[str, tuple[int, float | None]]:
    """Return each worker's count of beats, and for how many seconds it still counts as alive; None: no clock here."""
    return {name: (count, None if left is None else float(left)) for name, count, left in session.rows(statements.look)}


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
            if left is not None:
                if left < 0:
                    dead.add(name)
                continue
            # Without a clock, or without a row: it is forgotten, or an older version of tunesmith wrote the trial.
            before = self._seen.get(name)
            since = before[1] if before is not None and before[0] == count else now
            self._seen[name] = (count, since)
            if now - since >= self._lease.ttl:
                dead.add(name)
        return dead

    def has_silent(self, names: set[str], found: Mapping[str, tuple[int, float | None]]) -> bool:
        """Return whether one of some workers has not beaten since it was asked about first."""
        silent = False
        for name in names:
            count = found.get(name, (None, None))[0]
            silent |= self._first.setdefault(name, count) == count
        return silent
