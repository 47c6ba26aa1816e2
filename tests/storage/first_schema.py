"""The tables of the first schema: what the migrations begin with."""

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations


def create(connection: sa.Connection) -> None:
    op = Operations(MigrationContext.configure(connection))
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    name = sa.String(255).with_variant(sa.Text(), "sqlite", "postgresql")
    op.create_table(
        "tunesmith_studies",
        sa.Column("id", key, primary_key=True),
        sa.Column("name", name, nullable=False, unique=True),
        sa.Column("directions", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("space_id", sa.BigInteger),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("next_number", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tunesmith_spaces",
        sa.Column("id", key, primary_key=True),
        sa.Column("study_id", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.UniqueConstraint("study_id", "hash", name="tunesmith_spaces_content"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tunesmith_trials",
        sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger),
        sa.Column("space_id", sa.BigInteger),
        sa.Column("x", sa.LargeBinary),
        sa.Column("y", sa.LargeBinary),
        sa.Column("value", sa.Double),
        sa.Column("feasible", sa.SmallInteger, nullable=False),
        sa.Column("tag", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Double),
        sa.Column("constraints", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("fixed", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tunesmith_reports",
        sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Double),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tunesmith_attrs",
        sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("key", name, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tunesmith_trials_seq", "tunesmith_trials", ["study_id", "seq"], unique=True)
    ranked = sa.text("state = 1 AND feasible = 1")
    op.create_index(
        "tunesmith_trials_best",
        "tunesmith_trials",
        ["study_id", "value", "number"],
        sqlite_where=ranked,
        postgresql_where=ranked,
    )
