"""Studies in a database: an SQLite file, or a server such as PostgreSQL.

`storage.py` implements the contract by `reads.py` and by `writes.py`, `studies.py` and `artifacts.py` (changes), which
run in transactions of `engine.py` on the `connections.py`. `schema.py` has the tables, `values.py` what is in them.
"""

from tunesmith.storage.sql.storage import SQLStorage

__all__ = ["SQLStorage"]
