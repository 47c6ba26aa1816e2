"""The first schema: studies, spaces, trials, reports, attributes."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: a database that is older than the later schemas has these tables; a new one never gets them."""
