"""Artifacts that end with the object that holds them: of runs that are no trials, and of studies in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.local import LocalStore
from tunesmith.artifacts.record import Artifact, PointerTable
from tunesmith.foundation.worker_names import as_file_name, current_worker, is_dead, of_file_name

PREFIX = "tunesmith-artifacts-"


def temporary_folder(owner: object, within: Path | None = None) -> str:
    """Make a folder that is removed with its owner, or at the end of this process.

    Args:
        owner: with what it is removed.
        within: where it is made; None: where temporary files are. There its name says whose it is, so that `sweep`
            finds it if this process is killed.
    """
    if within is None:
        sweep()
        folder = tempfile.mkdtemp(prefix=f"{PREFIX}{as_file_name(current_worker())}-")
    else:
        folder = tempfile.mkdtemp(dir=within)
    weakref.finalize(owner, _remove, folder, os.getpid())
    return folder


def sweep() -> None:
    """Remove the temporary folders of this user whose processes are certainly dead."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as found:
        for entry in found:
            worker = of_file_name(entry.name.removeprefix(PREFIX).rpartition("-")[0])
            if not entry.name.startswith(PREFIX) or not is_dead(worker):
                continue
            if not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid():
                shutil.rmtree(entry.path, ignore_errors=True)


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child that ends must not take it away
        shutil.rmtree(folder, ignore_errors=True)


class Scratch:
    """The pointers of one run whose artifacts are dropped at its end; the contents are in a temporary folder."""

    def __init__(self) -> None:
        self._table = PointerTable()
        self._store: LocalStore | None = None

    def place(self) -> tuple[BlobStore, str]:
        """Return a folder that is made when the first content comes."""
        if self._store is None:
            self._store = LocalStore(temporary_folder(self))
        return self._store, "run"

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Keep a pointer."""
        return self._table.put(artifact)

    def all(self, number: int | None) -> list[Artifact]:
        """Return the run's own artifacts; there are no others here."""
        return self._table.of(number)

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove a pointer.

        Args:
            name: the artifact.
        """
        return self._table.remove(number, name)
