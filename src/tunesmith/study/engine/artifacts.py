"""Joins the two halves of artifacts: the storage, which keeps the names, and the store, which keeps the contents."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from tunesmith.artifacts import open_store
from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.checkpoints import step_of
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, StorageError
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.trial.record import Fence

STORE = "artifact_store"  # the system attribute that holds the URL


class ArtifactHome:
    """Where a study keeps its artifacts.

    Args:
        record: what the storage keeps of the study.
        storage: where that is.
        given: the store for this object; None: the study's own.

    Attributes:
        given: that store.
        space: the first part of the keys of the study's blobs; no other study of any storage has the same.
    """

    def __init__(self, record: StudyRecord, storage: Storage, given: BlobStore | None = None) -> None:
        self.given = given
        self.study_id = record.id
        self.storage = storage
        self._name = record.name
        self._url: str | None = record.system.get(STORE)
        self._store = given
        self._lock = threading.Lock()
        # The same in every process, without a word between them; a study of this name that is made later has another.
        own = json.dumps([record.name, record.created, record.seed])
        self.space = hashlib.sha256(own.encode()).hexdigest()[:20]

    @property
    def store(self) -> BlobStore:
        """The store of the contents, opened when it is first needed.

        Raises:
            ArtifactError: none was named, and the storage has no place for them.
        """
        with self._lock:
            if self._store is None:
                where = self._url or self.storage.artifact_folder()
                if where is None:
                    raise ArtifactError(
                        f"the study {self._name!r} has no place for artifacts: its storage has no folder. Name "
                        "a folder or URL that all its machines reach: create_study(artifact_store=...) stores it with "
                        "a new study ('s3://bucket/folder', say), load_study(artifact_store=...) uses it for this one"
                    )
                self._store = open_store(where)
            return self._store

    def sweep(self) -> None:
        """Remove what processes of this machine left in the store that were killed."""
        if self._store is None:
            where = self._url or (self.storage.artifact_folder() if self.storage.shared else None)
            if where is None or not os.path.isdir(os.path.join(where, self.space)):  # or it is a URL, not a folder
                return
        with suppress(ArtifactError, StorageError, OSError):  # what stays is found the next time
            self.store.sweep(self.space, lambda: {a.key for a in self.storage.artifacts(self.study_id)})


class StudyPointers:
    """The `tunesmith.artifacts.pointers.Pointers` of a study and its trials.

    Args:
        home: where the study keeps its artifacts.
        fence: the attempt of a trial that writes; None: whoever runs it.
        note_checkpoint: called when a trial publishes a checkpoint.
    """

    def __init__(
        self, home: ArtifactHome, fence: Fence | None = None, note_checkpoint: Callable[[], None] | None = None
    ) -> None:
        self._home = home
        self._fence = fence
        self._note_checkpoint = note_checkpoint

    def place(self) -> tuple[BlobStore, str]:
        """Return the store and the study's space."""
        return self._home.store, self._home.space

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Publish a pointer whose content can be seen from here.

        Raises:
            ArtifactError: it cannot: the worker that wrote it has another disk.
        """
        home = self._home
        if artifact.key and not home.store.exists(artifact.key):
            raise ArtifactError(
                f"artifact {artifact.name!r} was written by a worker to {home.store.url}, and is not there when this "
                "process looks. Is it the disk of another machine? Name a place that all of them reach: artifact_store="
            )
        here = artifact.key and home.store.folder_of(artifact.key)
        put = home.storage.put_artifact(home.study_id, artifact, self._fence)
        if here and put is not None and put[0].key == artifact.key and home.store.folder_of(artifact.key) is None:
            home.storage.remove_artifact(home.study_id, artifact.number, artifact.name, self._fence)
            raise ArtifactError(
                f"artifact {artifact.name!r} was removed while it was published, since its process is dead"
            )
        if self._note_checkpoint is not None and step_of(artifact) is not None:
            self._note_checkpoint()
        return put

    def all(self, number: int | None) -> list[Artifact]:
        """Return the artifacts of a trial, or of the study."""
        return self._home.storage.artifacts_of(self._home.study_id, number)

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove a pointer.

        Args:
            number: its trial; None: the study.
            name: its name.
        """
        return self._home.storage.remove_artifact(self._home.study_id, number, name, self._fence)
