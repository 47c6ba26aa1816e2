"""Studies in a database: an SQLite file, or a server such as PostgreSQL."""

from tunesmith.storage.sql.storage import SQLStorage

__all__ = ["SQLStorage"]
