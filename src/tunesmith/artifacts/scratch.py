"""Artifacts that end with the object that holds them: of runs that are no trials, and of studies in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.local import LocalStore
from tunesmith.artifacts.record import Artifact
from tunesmith.artifacts.table import PointerTable


def temporary_folder(owner: object) -> str:
    """Make a folder that is removed with its owner, or at the end of this process."""
    folder = tempfile.mkdtemp(prefix="tunesmith-artifacts-")
    weakref.finalize(owner, _remove, folder, os.getpid())
    return folder


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
            number: the run.
            name: the artifact.
        """
        return self._table.remove(number, name)
