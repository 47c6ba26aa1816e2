"""Leases: workers that beat, tokens of claims, kinds of failure; and artifacts."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - as above

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add two tables and two columns; the signs of life of before, by the workers' own clocks, are dropped."""
    name = sa.String(255).with_variant(sa.Text(), "sqlite", "postgresql")
    op.create_table(
        "tunesmith_workers",
        sa.Column("name", name, primary_key=True),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("seen", sa.Double, nullable=False),
    )
    op.create_table(
        "tunesmith_artifacts",
        sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", name, primary_key=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("blob", sa.String(255), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tunesmith_artifacts_content", "tunesmith_artifacts", ["study_id", "digest"])
    op.add_column("tunesmith_trials", sa.Column("token", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("tunesmith_trials", sa.Column("failure", sa.SmallInteger))
    waiting = sa.text("state = 4")
    op.create_index(
        "tunesmith_trials_waiting",
        "tunesmith_trials",
        ["study_id", "number"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.execute(sa.text("DELETE FROM tunesmith_attrs WHERE kind = 2"))
