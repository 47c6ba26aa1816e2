"""Leases: workers that beat, tokens of claims, kinds of failure."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - as above

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a table and two columns; the signs of life of before, by the workers' own clocks, are dropped."""
    name = sa.String(255).with_variant(sa.Text(), "sqlite", "postgresql")
    op.create_table(
        "tunesmith_workers",
        sa.Column("name", name, primary_key=True),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("seen", sa.Double, nullable=False),
    )
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
