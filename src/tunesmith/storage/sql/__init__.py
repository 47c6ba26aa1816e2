"""Studies in a database: an SQLite file, or a server such as PostgreSQL.

`storage.py` implements the contract by `reads.py` (queries), and by `claims.py`, `ends.py` and `attributes.py`
(changes), which run in transactions of `engine.py`. `schema.py` has the tables.
"""

from tunesmith.storage.sql.storage import SQLStorage

__all__ = ["SQLStorage"]
