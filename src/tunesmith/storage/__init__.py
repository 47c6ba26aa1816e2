"""Where studies are kept: in memory, in one SQLite file, or in a database server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tunesmith.storage.base import Storage

__all__ = ["Storage", "check", "open_storage"]

OTHERS = ("optuna", "hyperopt")  # whose objects are given here by mistake


def open_storage(spec: str | Path | Storage | None) -> Storage:
    """Return the storage that a user named.

    Args:
        spec: None: memory. A path, or a text that ends in .db, .sqlite or .sqlite3: that SQLite file. Any other text:
            an SQLAlchemy URL such as ``sqlite:///tune.db`` or ``postgresql+psycopg://user@host/database``. A Storage:
            itself.

    Raises:
        StorageError: the file or database cannot be used; the message says why and what to do.
        TypeError: `spec` is none of these.
    """
    if isinstance(spec, Storage):
        return spec
    if spec is None:
        from tunesmith.storage.memory import MemoryStorage

        return MemoryStorage()
    given: Any = spec
    is_url = hasattr(given, "drivername")  # an SQLAlchemy URL: SQLAlchemy need not be imported to see it
    if not isinstance(given, str | os.PathLike) and not is_url:
        # Its value is not shown: it may hold a password.
        module = type(given).__module__.partition(".")[0]
        hint = f" of {module}; docs/porting.md shows how its trials can be taken over" if module in OTHERS else ""
        raise TypeError(f"storage must be a path, a URL, a Storage or None; got {type(given).__name__}{hint}")
    from tunesmith.storage.sql import SQLStorage

    return SQLStorage(given if isinstance(given, str) or is_url else Path(given))


def check(spec: str | Path | Storage | None) -> list[str]:
    """Return what is damaged in a storage, in words; empty if nothing is found.

    Of an SQLite file pages and indexes are checked (``PRAGMA integrity_check``). Of each study all that is stored is
    read, and compared with what it has to fit: points with their spaces, spaces with their hashes, first values with
    their second copies, counters with trials. What none of these can tell, such as another character in a note, is
    not found.

    Args:
        spec: as for :func:`open_storage`.

    Raises:
        TypeError: `spec` names no storage.
    """
    from tunesmith.errors import StorageError

    try:
        storage = open_storage(spec)
    except StorageError as error:
        return [str(error)]
    from tunesmith.storage.sql import SQLStorage

    if not isinstance(storage, SQLStorage):
        return []
    from tunesmith.storage.sql.check import problems_of

    try:
        return problems_of(storage)
    finally:
        if storage is not spec:
            storage.close()
