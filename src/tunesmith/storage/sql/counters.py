"""The counters in a study's row: its version, its next number and its last place in the order of ends.

A change of them locks the row until the transaction ends. In an SQLite file it is the first statement of every change,
so that two writers never meet in the other tables.
"""

from __future__ import annotations

import sqlalchemy as sa  # noqa: TID253 - see schema.py

from tunesmith.storage.sql.schema import studies
from tunesmith.storage.sql.session import Row, Session, Values

MOST_NUMBERS = 2**62  # the limit of numbers where there is none

_ONE: sa.ColumnClause[int] = sa.literal_column("1")
_s = studies.c
_STUDY: sa.BindParameter[int] = sa.bindparam("study")

_BUMP = sa.update(studies).where(_s.id == _STUDY)
CHANGED = _BUMP.values(version=_s.version + _ONE)
STARTED = _BUMP.where(_s.next_number == sa.bindparam("at")).values(
    version=_s.version + _ONE, next_number=_s.next_number + _ONE
)
RESERVED = _BUMP.where(_s.next_number < sa.bindparam("below")).values(
    version=_s.version + _ONE, next_number=_s.next_number + _ONE
)
FINISHED = _BUMP.values(version=_s.version + _ONE, last_seq=_s.last_seq + _ONE)
ORDERED = _BUMP.values(version=_s.version + _ONE, last_seq=_s.last_seq + sa.bindparam("seqs", type_=sa.BigInteger))
ADDED = _BUMP.values(
    version=_s.version + _ONE,
    next_number=_s.next_number + sa.bindparam("numbers", type_=sa.BigInteger),
    last_seq=_s.last_seq + sa.bindparam("seqs", type_=sa.BigInteger),
)
_COUNTERS = (_s.version, _s.next_number, _s.last_seq)
_RETURNING = {
    statement: statement.returning(*_COUNTERS) for statement in (CHANGED, STARTED, RESERVED, FINISHED, ORDERED, ADDED)
}
VERSION = sa.select(_s.version).where(_s.id == _STUDY)
LAST_SEQ = sa.select(_s.last_seq).where(_s.id == _STUDY)
_READ = sa.select(*_COUNTERS).where(_s.id == _STUDY)


def bump(session: Session, statement: sa.Update, **values: Values) -> Row | None:
    """Raise a study's counters; return (version, next_number, last_seq) after that; None: no row fits."""
    if session.dialect.returning:
        return session.row(_RETURNING[statement], **values)
    if not session.run(statement, **values):
        return None
    return session.row(_READ, study=values["study"])
