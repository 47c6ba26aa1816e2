"""Where studies are kept; see :mod:`tunesmith.storage.base` for the contract."""

from __future__ import annotations

from pathlib import Path

from tunesmith.storage.base import Storage

__all__ = ["Storage", "open_storage"]


def open_storage(spec: str | Path | Storage | None) -> Storage:
    """Open a storage.

    Args:
        spec: None for memory; a file such as ``"tune.db"``; an SQLAlchemy URL such as ``"sqlite:///tune.db"`` or
            ``"postgresql+psycopg://user@host/name"``; or a storage object, which is returned as it is.

    Raises:
        StorageError: it cannot be opened; the message says why and what to do.
        TypeError: the argument is none of these.
    """
    if isinstance(spec, Storage):
        return spec
    if spec is None:
        from tunesmith.storage.memory import MemoryStorage

        return MemoryStorage()
    if not isinstance(spec, str | Path):
        raise TypeError(f"storage= takes None, a file name, a database URL or a storage object; got {spec!r}")
    from tunesmith.storage.sql import SQLStorage

    return SQLStorage(spec)
