"""The artifacts of studies in memory: pointers in dicts, contents in a temporary folder unless another one is named."""

from __future__ import annotations

import threading
from abc import abstractmethod
from dataclasses import replace
from typing import Any

from tunesmith.artifacts.record import Artifact
from tunesmith.artifacts.table import PointerTable
from tunesmith.caution import caution
from tunesmith.frozen import Fence
from tunesmith.storage.base import Storage


class MemoryArtifacts(Storage):
    """The part of `tunesmith.storage.memory.MemoryStorage` that keeps artifacts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[int, PointerTable] = {}
        self._folder: str | None = None

    @abstractmethod
    def _attempt(self, study_id: int, number: int | None, fence: Fence | None) -> int:
        """Return the attempt that a trial is at, 0 for the study; called under the lock.

        Raises:
            AttemptReplacedError: it is not that of the fence.
            KeyError: there is no such study or trial.
        """

    def put_artifact(
        self, study_id: int, artifact: Artifact, fence: Fence | None = None
    ) -> tuple[Artifact, list[str]] | None:
        with self._lock:
            attempt = self._attempt(study_id, artifact.number, fence)
            return self._table(study_id).put(replace(artifact, attempt=attempt))

    def artifacts(self, study_id: int) -> list[Artifact]:
        with self._lock:
            self._attempt(study_id, None, None)
            return self._table(study_id).all()

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        with self._lock:
            self._attempt(study_id, None, None)
            return self._table(study_id).of(number)

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        with self._lock:
            self._attempt(study_id, number, fence)
            return self._table(study_id).remove(number, name)

    def artifact_folder(self) -> str:
        from tunesmith.artifacts.scratch import temporary_folder  # most studies need none

        with self._lock:
            if self._folder is None:
                self._folder = temporary_folder(self)
            return self._folder

    def _table(self, study_id: int) -> PointerTable:
        return self._tables.setdefault(study_id, PointerTable())

    def _forget_artifacts(self, study_id: int) -> None:
        self._tables.pop(study_id, None)

    def __getstate__(self) -> dict[str, Any]:
        if any(table.all() for table in self._tables.values()):
            caution("a copy of a study in memory has none of its artifacts; with a storage= it would have them")
        return {k: v for k, v in self.__dict__.items() if k != "_lock"} | {"_tables": {}, "_folder": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
