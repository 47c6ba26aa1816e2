"""Studies in a database: an SQLite file, or a server such as PostgreSQL.

`storage.py` implements the contract by the queries of `reads.py` and the changes of `writes.py` and `attributes.py`,
which run in transactions of `engine.py`. `schema.py` has the tables.
"""

from tunesmith.storage.sql.storage import SQLStorage

__all__ = ["SQLStorage"]
