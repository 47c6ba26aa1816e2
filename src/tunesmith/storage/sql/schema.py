"""The eight tables, and the version of the schema.

The counters in a study's row (`version`, `next_number`, `last_seq`) rise in commit order, and `seq` has no gap. In an
SQLite file, where only one transaction writes at a time, each write changes them. On a server that row would be the one
for which all workers wait: there a trial ends without it, and `order_ends` in writes.py gives the ends their `seq` in
batches. No foreign keys have to be checked.

The encoding is part of the schema: states as in `tunesmith.foundation.states.TrialState`, points and values as float64,
little-endian, joined; everything else that has a structure as JSON.
"""

from __future__ import annotations

import sqlalchemy as sa  # noqa: TID253 - nobody imports this package before a database is named

from tunesmith.foundation.states import TrialState

SCHEMA_NOW = 5  # the schema that this version writes; migrations/versions has one file for each

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts an INTEGER key up by itself, and no other
_Key = sa.String(255).with_variant(sa.Text(), "sqlite", "postgresql")  # a text that an index holds

metadata = sa.MetaData()

version = sa.Table(
    "tunesmith_schema",
    metadata,
    sa.Column("version_num", sa.String(32), primary_key=True),  # alembic's own name and form
)

studies = sa.Table(
    "tunesmith_studies",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("name", _Key, nullable=False, unique=True),
    sa.Column("directions", sa.Text, nullable=False),  # JSON list
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("space_id", sa.BigInteger),  # the declared space
    sa.Column("created", sa.Double, nullable=False),  # unix time
    sa.Column("version", sa.BigInteger, nullable=False),  # of the study's trials: one more with every change
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,  # the id of a deleted study is never used again: others may still hold it
)

spaces = sa.Table(
    "tunesmith_spaces",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("study_id", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),  # SHA-256 of the text
    sa.Column("space", sa.Text, nullable=False),  # JSON, see tunesmith.space.serialize
    sa.UniqueConstraint("study_id", "hash", name="tunesmith_spaces_content"),
    sqlite_autoincrement=True,
)

trials = sa.Table(
    "tunesmith_trials",
    metadata,
    sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("seq", sa.BigInteger),  # NULL while unfinished
    sa.Column("space_id", sa.BigInteger),  # NULL: no point yet, or one of no parameters, whose x is empty and not NULL
    sa.Column("x", sa.LargeBinary),  # float64[d]
    sa.Column("y", sa.LargeBinary),  # float64[m], NULL: no values
    sa.Column("value", sa.Double),  # the first of y, for the index and for people
    sa.Column("feasible", sa.SmallInteger, nullable=False),
    sa.Column("tag", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.Double),
    sa.Column("constraints", sa.Text),  # JSON object
    sa.Column("reason", sa.Text),
    sa.Column("started", sa.Double),
    sa.Column("finished", sa.Double),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("fixed", sa.Text),  # JSON object, labels as in tunesmith.space.serialize
    sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),  # attempts whose process died
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),  # of the claim by which it runs
    sa.Column("failure", sa.SmallInteger),  # as in tunesmith.foundation.states.FailureKind
    sqlite_with_rowid=False,  # one B-tree, in the order in which trials are read
)

reports = sa.Table(
    "tunesmith_reports",
    metadata,
    sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),  # below zero: see values.py
    sa.Column("value", sa.Double),  # NULL or NaN: NaN
    sa.Column("cost", sa.Double),  # since the report before, in seconds or the user's unit; NULL: not known
    sqlite_with_rowid=False,
)

# What trials log beside their reports: each row has values of one metric, as columns.
metrics = sa.Table(
    "tunesmith_metrics",
    metadata,
    sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", _Key, primary_key=True),
    sa.Column("piece", sa.BigInteger, primary_key=True, autoincrement=False),  # rises with each write of the attempt
    sa.Column("first", sa.BigInteger, nullable=False),  # the step of the first value
    sa.Column("steps", sa.LargeBinary),  # int64[n]; NULL: first, first + 1, ...
    sa.Column("y", sa.LargeBinary, nullable=False),  # float64[n]
    sqlite_with_rowid=False,
)

OF_STUDY = -1  # the "number" of an attribute that belongs to the study itself
USER, SYSTEM = 0, 1  # kinds of attributes

attrs = sa.Table(
    "tunesmith_attrs",
    metadata,
    sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("key", _Key, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),  # who set it; that of the latest counts
    sa.Column("value", sa.Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

workers = sa.Table(
    "tunesmith_workers",
    metadata,
    sa.Column("name", _Key, primary_key=True),  # as in tunesmith.foundation.worker_names
    sa.Column("beat", sa.BigInteger, nullable=False),  # one more with every sign of life
    sa.Column("expires", sa.Double),  # unix time by the server's clock; NULL: a file has no clock
    sa.Column("seen", sa.Double, nullable=False),  # unix time of the last sign of life, to delete old rows by
)

# Which blob an artifact points to; the blobs themselves are in a store of artifacts.
artifacts = sa.Table(
    "tunesmith_artifacts",
    metadata,
    sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", _Key, primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),  # who saved it; 0 for the study's own
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the content
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("created", sa.Double, nullable=False),  # unix time
    sa.Column("blob", sa.String(255), nullable=False),  # its key, see tunesmith.artifacts.base
    sqlite_with_rowid=False,
)
sa.Index("tunesmith_artifacts_content", artifacts.c.study_id, artifacts.c.digest)

STUDY_ID: sa.BindParameter[int] = sa.bindparam("study")  # the id of a study, in all statements
HAS_SEQ = trials.c.seq.is_not(None)
NO_SEQ = trials.c.seq.is_(None)
RUNNING: sa.ColumnClause[int] = sa.literal_column(str(int(TrialState.RUNNING)))
WAITING: sa.ColumnClause[int] = sa.literal_column(str(int(TrialState.WAITING)))
PAUSED: sa.ColumnClause[int] = sa.literal_column(str(int(TrialState.PAUSED)))
# The condition of a partial index, as literals: SQLite takes it only for a query that has the very same text.
RANKED = (trials.c.state == sa.literal_column("1")) & (trials.c.feasible == sa.literal_column("1"))

# By seq, with NULL for all that are unfinished or have no place yet: each is one stretch of this index.
sa.Index("tunesmith_trials_seq", trials.c.study_id, trials.c.seq, unique=True)
sa.Index(
    "tunesmith_trials_best",
    trials.c.study_id,
    trials.c.value,
    trials.c.number,
    sqlite_where=RANKED,
    postgresql_where=RANKED,
)
IS_WAITING = trials.c.state == sa.literal_column(str(int(TrialState.WAITING)))
sa.Index(
    "tunesmith_trials_waiting",
    trials.c.study_id,
    trials.c.number,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
