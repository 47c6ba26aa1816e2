"""The five tables, and the version of the schema.

Every transaction that writes trials first updates the study's row in `studies`, which locks it. So the counters there
(`version`, `next_number`, `last_seq`) rise in commit order, two writers never meet in the other tables, and no foreign
keys have to be checked.

The encoding is part of the schema: states as in `tunesmith.state.TrialState`, points and values as float64,
little-endian, joined; everything else that has a structure as JSON.
"""

from __future__ import annotations

from sqlalchemy import (  # noqa: TID253 - nobody imports this package before a database is named
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

HEAD = 2  # the schema that this version writes; migrations/versions has one file for each

_Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts an INTEGER key up by itself, and no other
_Key = String(255).with_variant(Text(), "sqlite", "postgresql")  # a text that an index holds

metadata = MetaData()

version = Table(
    "tunesmith_schema",
    metadata,
    Column("version_num", String(32), primary_key=True),  # alembic's own name and form
)

studies = Table(
    "tunesmith_studies",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", _Key, nullable=False, unique=True),
    Column("directions", Text, nullable=False),  # JSON list
    Column("seed", BigInteger, nullable=False),
    Column("space_id", BigInteger),  # the declared space
    Column("created", Double, nullable=False),  # unix time
    Column("version", BigInteger, nullable=False),  # of the study's trials: one more with every change
    Column("next_number", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # the id of a deleted study is never used again: others may still hold it
)

spaces = Table(
    "tunesmith_spaces",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("study_id", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),  # SHA-256 of the text
    Column("space", Text, nullable=False),  # JSON, see tunesmith.space.serialize
    UniqueConstraint("study_id", "hash", name="tunesmith_spaces_content"),
    sqlite_autoincrement=True,
)

trials = Table(
    "tunesmith_trials",
    metadata,
    Column("study_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("seq", BigInteger),  # NULL while unfinished
    Column("space_id", BigInteger),  # NULL: no point yet
    Column("x", LargeBinary),  # float64[d]
    Column("y", LargeBinary),  # float64[m], NULL: no values
    Column("value", Double),  # the first of y, for the index and for people
    Column("feasible", SmallInteger, nullable=False),
    Column("tag", BigInteger, nullable=False),
    Column("cost", Double),
    Column("constraints", Text),  # JSON object
    Column("reason", Text),
    Column("started", Double),
    Column("finished", Double),
    Column("worker", Text, nullable=False),
    Column("fixed", Text),  # JSON object, labels as in tunesmith.space.serialize
    Column("crashes", Integer, nullable=False, server_default="0"),  # attempts whose process died
    sqlite_with_rowid=False,  # one B-tree, in the order in which trials are read
)

reports = Table(
    "tunesmith_reports",
    metadata,
    Column("study_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Double),  # NULL or NaN: NaN
    sqlite_with_rowid=False,
)

OF_STUDY = -1  # the "number" of an attribute that belongs to the study itself
USER, SYSTEM, WORKER = 0, 1, 2  # kinds of attributes; a worker's is the unix time of its last sign of life

attrs = Table(
    "tunesmith_attrs",
    metadata,
    Column("study_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", _Key, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),  # who set it; that of the latest counts
    Column("value", Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

FINISHED = trials.c.seq.is_not(None)
OPEN = trials.c.seq.is_(None)
# The condition of a partial index, as literals: SQLite takes it only for a query that has the very same text.
RANKED = (trials.c.state == literal_column("1")) & (trials.c.feasible == literal_column("1"))

# By seq, with NULL for all that are unfinished: new results and open trials are each one stretch of this index.
Index("tunesmith_trials_seq", trials.c.study_id, trials.c.seq, unique=True)
Index(
    "tunesmith_trials_best",
    trials.c.study_id,
    trials.c.value,
    trials.c.number,
    sqlite_where=RANKED,
    postgresql_where=RANKED,
)
