"""Reports and attributes by attempt; how often a trial's process died."""

from typing import Any

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - as above

revision = "0002"
down_revision = "0001"

_KEY_TYPE = sa.String(255).with_variant(sa.Text(), "sqlite", "postgresql")


def upgrade() -> None:
    """Give the two tables their new key, and trials the new column.

    What is there belongs to the attempt that its trial is at: reports of earlier ones were dropped. A primary key
    cannot be changed everywhere, so each table is made anew, under its own name.
    """
    op.add_column("tunesmith_trials", sa.Column("crashes", sa.Integer, nullable=False, server_default="0"))
    trials = sa.table("tunesmith_trials", *map(sa.column, ("study_id", "number", "attempt")))
    _remake(
        trials,
        "tunesmith_reports",
        lambda: [
            sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("value", sa.Double),
        ],
    )
    _remake(
        trials,
        "tunesmith_attrs",
        lambda: [
            sa.Column("study_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
            sa.Column("key", _KEY_TYPE, primary_key=True),
            sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("value", sa.Text, nullable=False),
        ],
    )


def _remake(trials: Any, name: str, columns: Any) -> None:
    """Make a table anew with the column `attempt`, by way of a table beside it."""
    names = [column.name for column in columns()]
    old = sa.table(name, *(sa.column(n) for n in names if n != "attempt"))
    beside = op.create_table(f"{name}_2", *columns(), sqlite_with_rowid=False)
    of_trial = sa.select(trials.c.attempt).where(trials.c.study_id == old.c.study_id, trials.c.number == old.c.number)
    attempt = sa.func.coalesce(of_trial.scalar_subquery(), 0)  # 0: an attribute of the study itself
    row = [attempt if n == "attempt" else old.c[n] for n in names]
    op.execute(sa.insert(beside).from_select(names, sa.select(*row)))
    op.drop_table(name)
    new = op.create_table(name, *columns(), sqlite_with_rowid=False)
    op.execute(sa.insert(new).from_select(names, sa.select(*(beside.c[n] for n in names))))
    op.drop_table(f"{name}_2")
