"""Optuna's `DaskStorage`, which processes of a cluster share."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna.storages.base import BaseStorage
from tunesmith.compat.optuna.storages.kinds import get_storage


class DaskStorage(BaseStorage):
    """Lets the workers of Dask run trials of one study, as in ``client.submit(study.optimize, objective)``.

    Without a storage this is an SQLite file in the temporary folder, which goes when the program ends: it is for
    workers of this machine. Workers of several machines need a database server.

    Args:
        storage: where studies are kept; None: that file.
        name: not used.
        client: not used: workers open the storage themselves.
        register: not used.

    Raises:
        ValueError: the storage is in the memory of this process, which no worker reaches.
    """

    def __init__(
        self,
        storage: str | BaseStorage | None = None,
        name: str | None = None,
        client: Any = None,
        register: bool = True,
    ) -> None:
        folder = tempfile.mkdtemp(prefix="tunesmith-dask-") if storage is None else None
        inner = get_storage(f"sqlite:///{Path(folder) / 'studies.db'}" if folder else storage)
        if inner.native.only_here:
            raise ValueError(
                "DaskStorage: workers cannot reach a storage in memory; leave it out, or give a file's URL"
            )
        if name is not None:
            caution("DaskStorage: name= changes nothing: the storage is known by its file or its URL")
        super().__init__(inner.native, inner.retries)
        if folder is not None:
            weakref.finalize(self, _removed, inner, folder)


def _removed(storage: BaseStorage, folder: str) -> None:
    """Remove the file; its copies in workers have no such duty, since they are not made by the class."""
    storage.remove_session()
    shutil.rmtree(folder, ignore_errors=True)
