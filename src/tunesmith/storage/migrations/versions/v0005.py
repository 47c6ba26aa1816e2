"""What trials log beside their reports."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - as above

revision = "0005"
down_revision = "0004"

_KEY = sa.String(255).with_variant(sa.Text(), "sqlite", "postgresql")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "tunesmith_metrics",
        sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", _KEY, primary_key=True),
        sa.Column("piece", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("steps", sa.LargeBinary),
        sa.Column("y", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
