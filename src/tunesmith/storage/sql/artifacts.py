"""The pointers of artifacts: statements, and the changes to be run inside one transaction.

Each change locks the study's row first. So no pointer can be added to a blob while another transaction finds that none
is left.
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.artifacts.record import Artifact
from tunesmith.storage.sql.connections import Row, Session, Values
from tunesmith.storage.sql.schema import OF_STUDY, STUDY_ID, artifacts
from tunesmith.storage.sql.values import Types, check_types, decoding
from tunesmith.storage.sql.writes import AT_TRIAL, LOCK_STUDY, STUDY_IS_THERE, locked_attempt, need_study_row
from tunesmith.trial.record import Fence

_a = artifacts.c
_ARTIFACTS_OF_STUDY = _a.study_id == STUDY_ID
_OF_TRIAL = _ARTIFACTS_OF_STUDY & (_a.number == AT_TRIAL)
_THIS = _OF_TRIAL & (_a.name == sa.bindparam("called"))
_COLUMNS = (_a.number, _a.name, _a.digest, _a.size, _a.media_type, _a.attempt, _a.created, _a.blob)
_CHANGED = ("digest", "size", "media_type", "attempt", "created")  # and the blob
_ALL = sa.select(*_COLUMNS).where(_ARTIFACTS_OF_STUDY).order_by(_a.number, _a.name)
_ALL_OF_TRIAL = sa.select(*_COLUMNS).where(_OF_TRIAL).order_by(_a.name)
_BY_NAME = sa.select(*_COLUMNS).where(_THIS)
_SAME_CONTENT = sa.select(sa.func.min(_a.blob)).where(_ARTIFACTS_OF_STUDY, _a.digest == sa.bindparam("content"))
_POINTED_TO = _SAME_CONTENT.where(_a.blob == sa.bindparam("key"))
_TYPES: tuple[Types, ...] = ({int}, {str}, {str}, {int}, {str}, {int}, {float, int}, {str})
_INSERT = sa.insert(artifacts)
_CHANGE = sa.update(artifacts).where(_THIS).values({name: sa.bindparam(name) for name in (*_CHANGED, "blob")})
_DELETE = sa.delete(artifacts).where(_THIS)


def put_pointer(
    session: Session, study_id: int, artifact: Artifact, fence: Fence | None
) -> tuple[Artifact, list[str]] | None:
    """Publish an artifact; see `tunesmith.storage.Storage.put_artifact`."""
    at, attempt = _lock_trial(session, study_id, artifact.number, fence)
    (same_blob,) = session.row(_SAME_CONTENT, study=study_id, content=artifact.digest) or (None,)
    key = same_blob or artifact.key
    if not key or (session.uncertain and same_blob is None):
        return None  # it may have been published before, and removed since with its blob
    old = session.row(_BY_NAME, study=study_id, at=at, called=artifact.name)
    done = replace(artifact, key=key, attempt=attempt)
    row: dict[str, Values] = {name: getattr(done, name) for name in _CHANGED}
    row["blob"] = key
    if old is None:
        session.run(_INSERT, study_id=study_id, number=at, name=done.name, **row)
    else:
        session.run(_CHANGE, study=study_id, at=at, called=done.name, **row)
    return done, _loose(session, study_id, old)


def remove_pointer(session: Session, study_id: int, number: int | None, name: str, fence: Fence | None) -> list[str]:
    """Delete a pointer; return its blob if no other one leads there."""
    at, _ = _lock_trial(session, study_id, number, fence)
    old = session.row(_BY_NAME, study=study_id, at=at, called=name)
    if old is not None:
        session.run(_DELETE, study=study_id, at=at, called=name)
    return _loose(session, study_id, old)


def all_of_study(session: Session, study_id: int) -> list[Artifact]:
    """Return all artifacts, the study's own first."""
    need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
    return [_artifact(session, row) for row in session.rows(_ALL, study=study_id)]


def all_of_trial(session: Session, study_id: int, number: int | None) -> list[Artifact]:
    """Return the artifacts of a trial, or of the study itself."""
    need_study_row(session, study_id, session.row(STUDY_IS_THERE, study=study_id))
    at = OF_STUDY if number is None else number
    return [_artifact(session, row) for row in session.rows(_ALL_OF_TRIAL, study=study_id, at=at)]


def _lock_trial(session: Session, study_id: int, number: int | None, fence: Fence | None) -> tuple[int, int]:
    """Lock a study and a trial of it; return the trial's number here, and its attempt."""
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    if number is None:
        return OF_STUDY, 0
    return number, locked_attempt(session, study_id, number, fence)


def _loose(session: Session, study_id: int, old: Row | None) -> list[str]:
    if old is None:
        return []
    gone = _artifact(session, old)
    left = session.row(_POINTED_TO, study=study_id, content=gone.digest, key=gone.key)
    return [] if left is not None and left[0] else [gone.key]


def _artifact(session: Session, row: Row) -> Artifact:
    with decoding(session.dialect.where, f"the artifact {row[1]!r:.80}"):
        check_types([row], _TYPES)
    number, name, digest, size, media_type, attempt, created, key = row
    return Artifact(name, digest, size, media_type, None if number == OF_STUDY else number, attempt, created, key)
