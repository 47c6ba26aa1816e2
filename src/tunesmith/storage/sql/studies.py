"""The changes of studies and their spaces, each to be run inside one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.space import Space
from tunesmith.storage.checks import study_gone
from tunesmith.storage.sql.connections import Session, Values
from tunesmith.storage.sql.schema import STUDY_ID, artifacts, attrs, metrics, reports, spaces, studies, trials
from tunesmith.storage.sql.values import space_to_text
from tunesmith.storage.sql.writes import LOCK_STUDY, need_study_row

SPACES_ONE_BY_ONE = 8  # spaces that are looked up one by one
_ZERO: sa.ColumnClause[int] = sa.literal_column("0")
_s = studies.c

_INSERT_STUDY = sa.insert(studies).values(
    {name: sa.bindparam(name) for name in ("name", "directions", "seed", "created")}
    | dict.fromkeys(("version", "next_number", "last_seq"), _ZERO)
)
_STUDY_ID = sa.select(_s.id).where(_s.name == sa.bindparam("name"))
_MADE = sa.select(_s.id, _s.space_id, _s.seed, _s.created).where(_s.name == sa.bindparam("name"))
_DECLARE = sa.update(studies).where(_s.id == STUDY_ID).values(space_id=sa.bindparam("space"))
_RENAME = sa.update(studies).where(_s.id == STUDY_ID).values(name=sa.bindparam("name"))
_SPACE_ID = sa.select(spaces.c.id).where(spaces.c.study_id == STUDY_ID, spaces.c.hash == sa.bindparam("digest"))
_SPACE_IDS = sa.select(spaces.c.id, spaces.c.hash).where(spaces.c.study_id == STUDY_ID)
_INSERT_SPACE = sa.insert(spaces).values(study_id=STUDY_ID, hash=sa.bindparam("digest"), space=sa.bindparam("text"))
_DELETES = [
    sa.delete(table).where(table.c.study_id == STUDY_ID)
    for table in (artifacts, metrics, reports, attrs, trials, spaces)
]
_DELETE_STUDY = sa.delete(studies).where(_s.id == STUDY_ID)


def insert_study(
    session: Session, name: str, directions: Sequence[str], seed: int, created: float, space: Space | None
) -> tuple[int, int | None] | None:
    """Insert a study; return its id and that of its space; None: the name is taken."""
    if session.row(_STUDY_ID, name=name) is not None:
        return None
    session.run(_INSERT_STUDY, name=name, directions=json.dumps(list(directions)), seed=seed, created=created)
    (study_id,) = session.row(_STUDY_ID, name=name) or (0,)
    if space is None:
        return study_id, None
    space_id = intern_space(session, study_id, space)
    declare_space(session, study_id, space_id)
    return study_id, space_id


def made_before(session: Session, name: str, seed: int, created: float) -> tuple[int, int | None] | None:
    """Return (id, id of the space) of a study that this process made when the answer was lost; None: another did."""
    row = session.row(_MADE, name=name)
    return None if row is None or row[2:] != (seed, created) else (int(row[0]), row[1])


def write_study_name(session: Session, study_id: int, name: str) -> bool:
    """Give a study another name; tell whether it was to be had."""
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    taken = session.row(_STUDY_ID, name=name)
    if taken is None:
        session.run(_RENAME, study=study_id, name=name)
    return taken is None or int(taken[0]) == study_id


def delete_rows_of_study(session: Session, study_id: int) -> None:
    """Delete everything of a study."""
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    for statement in _DELETES:
        session.run(statement, study=study_id)
    session.run(_DELETE_STUDY, study=study_id)


def intern_space(session: Session, study_id: int, space: Space) -> int:
    """Return the id of a study's space; insert it if it is new."""
    text, digest = space_to_text(space)
    return intern_texts(session, study_id, {digest: text})[digest]


def intern_texts(session: Session, study_id: int, texts: Mapping[str, str]) -> dict[str, int]:
    """Return the ids of a study's spaces; insert those that are new.

    Args:
        session: in a transaction that writes.
        texts: the texts by their hashes.
    """
    need_study_row(session, study_id, session.row(LOCK_STUDY, study=study_id))
    found = _ids_by_hash(session, study_id, texts)
    new: list[dict[str, Values]] = [
        {"study": study_id, "digest": digest, "text": text} for digest, text in texts.items() if digest not in found
    ]
    if new:
        session.many(_INSERT_SPACE, new)
        found = _ids_by_hash(session, study_id, texts)
    return found


def _ids_by_hash(session: Session, study_id: int, texts: Collection[str]) -> dict[str, int]:
    """Return the ids of those spaces that are there, by their hashes."""
    if len(texts) > SPACES_ONE_BY_ONE:
        return {str(digest): int(i) for i, digest in session.rows(_SPACE_IDS, study=study_id) if digest in texts}
    rows = {digest: session.row(_SPACE_ID, study=study_id, digest=digest) for digest in texts}
    return {digest: int(row[0]) for digest, row in rows.items() if row is not None}


def declare_space(session: Session, study_id: int, space_id: int) -> None:
    """Write which space a study declares."""
    if not session.run(_DECLARE, study=study_id, space=space_id):
        raise study_gone(study_id, session.dialect.where)
