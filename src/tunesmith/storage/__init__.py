"""Storages keep studies and trials: in memory, in an SQLite file, or in a database server.

`base.py` is the contract that each of them implements; `open_storage` returns the one that a user named. A storage
knows nothing of samplers, pruners or executors.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunesmith.foundation import registry
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.lazy import lazy
from tunesmith.storage.base import Storage

if TYPE_CHECKING:
    from tunesmith.storage.sql.location import is_no_database as is_no_database
    from tunesmith.storage.sql.location import read_spec as read_spec
    from tunesmith.storage.sql.location import secrets_of as secrets_of


__all__ = ["Storage", "check", "open_storage"]

DATABASES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")


@checked("spec")
def open_storage(spec: str | Path | Storage | None) -> Storage:
    """Return the storage that a user named.

    Args:
        spec: None: memory. A path, or a text that ends in .db, .sqlite or .sqlite3: that SQLite file. Any other text:
            a URL. One whose scheme is the name of a registered storage (`mine://...`) is given to that class; any
            other is SQLAlchemy's, such as `sqlite:///tune.db`, `postgresql://user@host/database` or `mysql://...`.
            A Storage: itself.

    Returns:
        the storage.

    Raises:
        StorageError: the file or database cannot be used; the message says why and what to do.
        TypeError: `spec` is none of these.

    Example:
        ```python
        from tunesmith.storage import open_storage

        storage = open_storage("tune.db")
        print([record.name for record in storage.list_studies()])
        ```
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
        is_foreign = module not in (*sys.stdlib_module_names, "__main__", "tunesmith")
        hint = f" of {module}; docs/import.md shows how trials of other libraries come along" if is_foreign else ""
        raise TypeError(f"storage must be a path, a URL, a Storage or None; got {type(given).__name__}{hint}")
    if isinstance(given, str) and (registered := _registered(given.strip())) is not None:
        return registered
    from tunesmith.storage.sql import SQLStorage

    return SQLStorage(given if isinstance(given, str) or is_url else Path(given))


def _registered(text: str) -> Storage | None:
    """Return the storage of another package whose name is the scheme of a URL; None: there is none."""
    scheme, separator, _ = text.partition("://")
    # Reading entry points takes milliseconds, so not for databases that are known.
    if not separator or scheme.partition("+")[0] in DATABASES or scheme in registry.STORAGES:
        return None
    if scheme not in registry.names("storages"):
        return None
    storage = registry.load_registered("storages", scheme)(text)
    if not isinstance(storage, Storage):
        raise TypeError(
            f"the storage {scheme!r} is registered as {type(storage).__name__}, which is no subclass of "
            "tunesmith.storage.Storage"
        )
    return storage


@checked("spec")
def check(spec: str | Path | Storage | None) -> list[str]:
    """Return what is damaged in a storage, in words.

    The pages and indexes of an SQLite file are checked (`PRAGMA integrity_check`). All data of each study are read and
    compared: points with their spaces, spaces with their hashes, first values with their second copies, counters with
    trials. Other damage, such as a changed character in an attribute, is not found.

    Args:
        spec: as for `open_storage`.

    Returns:
        one line for each problem; empty: nothing is found.

    Raises:
        TypeError: `spec` names no storage.

    Example:
        ```python
        from tunesmith import create_study
        from tunesmith.storage import check

        create_study(storage="tune.db")
        assert check("tune.db") == []
        ```
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


# What satellites use besides, see docs/satellites.md.
_FOR_SATELLITES = {
    "is_no_database": "tunesmith.storage.sql.location",
    "read_spec": "tunesmith.storage.sql.location",
    "secrets_of": "tunesmith.storage.sql.location",
}

__getattr__, __dir__ = lazy(__name__, _FOR_SATELLITES)
