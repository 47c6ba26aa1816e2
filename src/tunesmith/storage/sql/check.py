"""All integrity checks of a database and its studies, with everything that they find."""

from __future__ import annotations

import os
from collections.abc import Callable
from glob import escape, glob

import sqlalchemy as sa  # noqa: TID253 - imported only when a database is named

from tunesmith.artifacts.base import is_key
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import StorageError
from tunesmith.foundation.text import printable
from tunesmith.storage.base import StudyRecord
from tunesmith.storage.sql.connections import Session
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.location import may_exist
from tunesmith.storage.sql.schema import STUDY_ID, metrics, reports, studies, trials
from tunesmith.storage.sql.storage import SQLStorage

PROBLEMS_LISTED = 100  # problems that are listed

_t = trials.c
_NUMBERS_THERE = sa.select(_t.number).where(_t.study_id == STUDY_ID)
_COUNTERS = sa.select(studies.c.next_number, studies.c.last_seq).where(studies.c.id == STUDY_ID)
_THERE = sa.select(*map(sa.func.count, (_t.number, _t.seq)), *map(sa.func.max, (_t.number, _t.seq))).where(
    _t.study_id == STUDY_ID
)
_STRAYS = sa.select(sa.func.count()).where(reports.c.study_id == STUDY_ID, reports.c.number.not_in(_NUMBERS_THERE))
_m = metrics.c
_HAS_ATTEMPT = sa.exists().where(
    _t.study_id == STUDY_ID, _t.number == _m.number, _m.attempt > sa.literal_column("0"), _m.attempt <= _t.attempt
)
_STRAY_METRICS = sa.select(sa.func.count()).where(_m.study_id == STUDY_ID, ~_HAS_ATTEMPT)
_LOGGED = sa.select(_m.number).where(_m.study_id == STUDY_ID, _m.number.in_(_NUMBERS_THERE)).distinct()


def problems_of(storage: SQLStorage) -> list[str]:
    """Return what is wrong with a database and its studies, in words; empty: nothing is found."""
    database = storage.database
    found: list[str] = []
    if not may_exist(database.url):
        return [f"{database.where} does not exist"]
    try:
        if database.is_sqlite and database.url.database is not None:
            rows = database.read(lambda session: session.query("PRAGMA integrity_check"))
            lines = [line for (text,) in rows for line in str(text).splitlines() if line != "ok"]
            found += [f"SQLite: {printable(line)}" for line in lines]
            found += _emptied(database)
        for record in storage.list_studies():
            found += [f"the study {record.name!r}: {what}" for what in _of_study(storage, record)]
    except StorageError as error:
        found.append(str(error))
    return found[:PROBLEMS_LISTED]


def _emptied(database: Database) -> list[str]:
    """Return that a file has lost its studies: tunesmith makes a file with its first study, and leaves none empty."""
    path = database.url.database or ""
    if not os.path.isfile(path):
        return []
    tables = database.tables()
    if os.path.getsize(path) == 0:
        told = f"{database.where} is empty (0 bytes): it was cut off, or no study was made in it yet"
    elif (not tables and _journal(database) == "wal") or (studies.name in tables and database.read(_had_none)):
        told = f"{database.where} had a study and is empty: its write-ahead log was deleted or cut off"
    else:
        return []
    copies = sorted(map(printable, glob(f"{escape(path)}.rescue-*.db")))
    return [told + (f". What it held is kept in {', '.join(copies)}" if copies else "")]


def _journal(database: Database) -> str:
    return str(database.read(lambda session: session.query("PRAGMA journal_mode"))[0][0])


def _had_none(session: Session) -> bool:
    """Return whether there never was a study in the tables, not even one that was deleted."""
    counted = f"SELECT count(*) FROM sqlite_sequence WHERE name = '{studies.name}'"
    return session.query(counted) == [(0,)]


def _of_study(storage: SQLStorage, record: StudyRecord) -> list[str]:
    found: list[str] = []
    study_id, first = record.id, record.directions[0]
    looks: tuple[Callable[[], object], ...] = (
        lambda: storage.read_since(study_id, 0),
        lambda: storage.trials(study_id),
        lambda: storage.best(study_id, first),
    )
    for look in looks:
        try:
            look()
        except StorageError as error:
            found.append(str(error))
    try:
        if found:
            found += _unreadable_trials(storage, study_id)
        found += _unreadable_metrics(storage, study_id)
        found += _of_artifacts(storage.artifacts(study_id))
        return found + storage.database.read(lambda session: _miscounted(session, study_id), snapshot=True)
    except StorageError as error:
        return [*found, str(error)]


def _of_artifacts(artifacts: list[Artifact]) -> list[str]:
    """Return the artifacts that cannot lead to what was saved; the contents themselves are compared when read."""
    return [
        f"artifact {a.name!r} of {'the study' if a.number is None else f'trial {a.number}'} has the digest "
        f"{a.digest!r:.80}, and leads to {a.key!r:.120}"
        for a in artifacts
        if not is_key(a.key) or f"/{a.digest}-" not in a.key
    ]


def _unreadable_trials(storage: SQLStorage, study_id: int) -> list[str]:
    """Return the trials that cannot be read, one by one."""
    found = []
    numbers = storage.database.read(lambda session: [n for (n,) in session.rows(_NUMBERS_THERE, study=study_id)])
    for number in numbers:
        try:
            storage.trials(study_id, [number])
        except (StorageError, KeyError, ValueError) as error:
            found.append(f"trial {number!r}: {error}")
    return found


def _unreadable_metrics(storage: SQLStorage, study_id: int) -> list[str]:
    """Return the trials whose metrics cannot be read, one by one: all of them together may be large."""
    found = []
    for number in storage.database.read(lambda session: [n for (n,) in session.rows(_LOGGED, study=study_id)]):
        try:
            storage.metrics(study_id, [number])
        except (StorageError, KeyError, ValueError, TypeError) as error:
            found.append(f"metrics of trial {number!r}: {error}")
    return found


def _miscounted(session: Session, study_id: int) -> list[str]:
    """Compare the study's counters with its trials, and reports and metrics with the trials and attempts of them."""
    counters = session.row(_COUNTERS, study=study_id)
    there = session.row(_THERE, study=study_id)
    if counters is None or there is None:
        return []
    found = []
    n, finished, last, last_seq = there
    if n != counters[0] or (n and last != n - 1):
        found.append(f"{counters[0]} trials were begun, and {n} are there, the last with the number {last}")
    if finished != counters[1] or (finished and last_seq != finished):
        found.append(f"{counters[1]} trials were finished, and {finished} are there, the last with the seq {last_seq}")
    strays = session.row(_STRAYS, study=study_id)
    if strays is not None and strays[0]:
        found.append(f"{strays[0]} reports belong to no trial")
    strays = session.row(_STRAY_METRICS, study=study_id)
    if strays is not None and strays[0]:
        found.append(f"{strays[0]} rows of metrics belong to no trial, or to no attempt of it")
    return found
