"""The artifacts of a study: its storage keeps the names, a store the contents."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from operator import index

from tunesmith.artifacts import open_store
from tunesmith.artifacts.base import BlobStore, chunks_of
from tunesmith.artifacts.checkpoints import step_of
from tunesmith.artifacts.collection import Artifacts
from tunesmith.artifacts.content import guarded
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, DamagedArtifactError, StorageError, TunesmithError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.trial.record import Fence

ARTIFACT_STORE = "artifact_store"  # the system attribute of a study that holds the URL of its store


class ArtifactHome:
    """Where a study keeps its artifacts.

    Args:
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
        self._url: str | None = record.system.get(ARTIFACT_STORE)
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
    """The `tunesmith.artifacts.base.Pointers` of a study and its trials.

    Args:
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
        """
        return self._home.storage.remove_artifact(self._home.study_id, number, name, self._fence)


class StudyArtifacts(Artifacts):
    """The study's own artifacts, by name; those of its trials are at ``of(number)``.

    Example:
        ```python
        import tunesmith

        study = tunesmith.create_study()
        study.artifacts.save("data/split.txt", b"1 2 3")
        assert study.artifacts.load("data/split.txt") == b"1 2 3"
        study.artifacts.clean()
        ```
    """

    def __init__(self, home: ArtifactHome) -> None:
        super().__init__(StudyPointers(home), None)
        self._home = home

    @property
    def url(self) -> str:
        """Where the contents are."""
        return self._home.store.url

    @checked("number")
    def of(self, number: int) -> Artifacts:
        """Return the artifacts of a trial, whoever runs it.

        Raises:
            TypeError: it is not the number of a trial.
            KeyError: the study has no such trial.
        """
        try:
            number = index(number)
        except TypeError:
            raise TypeError(f"of() takes the number of a trial, such as trial.number; got {shown(number)}") from None
        self._home.storage.trials(self._home.study_id, [number])
        return Artifacts(StudyPointers(self._home), number)

    def everything(self) -> list[Artifact]:
        """Return the records of all artifacts: the study's own first, then those of trials by number."""
        return self._home.storage.artifacts(self._home.study_id)

    @checked()
    def clean(self, grace: float = 86400.0) -> int:
        """Delete contents of this study that no artifact points to; return how many.

        A process that dies while it saves leaves such a content. What is being saved is none of them, as long as it is
        published within `grace` seconds after its last byte was written: so it is safe at any time, while workers
        save, too. Contents of other studies are left alone.

        Args:
            grace: seconds since a content was written before which it is kept; more than the clocks of this machine and
                of the store may differ by, unless nobody saves.

        Returns:
            The number of contents deleted.

        Raises:
            ValueError: the grace is negative or no number.
            ArtifactError: the store cannot be read or written.
        """
        if not grace >= 0:
            raise ValueError(f"grace must be seconds, 0 or more; got {shown(grace)}")
        store, home = self._home.store, self._home
        # In this order: what is old and has no pointer *after* it was seen to be old will never have one.
        old = [key for key, age in store.blobs(home.space) if age >= grace]
        pointed_to = {artifact.key for artifact in home.storage.artifacts(home.study_id)}
        orphans = [key for key in old if key not in pointed_to]
        for key in orphans:
            store.delete(key)
        return len(orphans)


def copy_artifacts(source: ArtifactHome, target: ArtifactHome, numbers: Mapping[int, int]) -> None:
    """Copy the artifacts of a study with their contents.

    Args:
        numbers: the trials of the copy by those of the study; artifacts of others are left out.
    """
    for artifact in source.storage.artifacts(source.study_id):
        if artifact.number is not None and artifact.number not in numbers:
            continue
        number = None if artifact.number is None else numbers[artifact.number]
        copy = replace(artifact, number=number, key="", created=time.time())
        if target.storage.put_artifact(target.study_id, copy) is not None:
            continue  # the content is there already, by another name

        def chunks(key: str = artifact.key) -> Iterator[bytes]:
            with source.store.open(key) as stream:
                yield from chunks_of(stream)

        blob = target.store.put(target.space, guarded(artifact.name, chunks))
        if blob.digest != artifact.digest:
            target.store.delete(blob.key)
            raise DamagedArtifactError(f"the content of artifact {artifact.name!r} is not what was saved; remove it")
        if target.storage.put_artifact(target.study_id, replace(copy, key=blob.key)) is None:
            raise ArtifactError(f"artifact {artifact.name!r} was lost on its way; delete the copy and make it again")


def drop_artifacts(record: StudyRecord, storage: Storage, home: ArtifactHome) -> None:
    """Delete the contents of a study that was deleted; what cannot be deleted stays, with a warning."""
    if home.given is None and ARTIFACT_STORE not in record.system and storage.artifact_folder() is None:
        return
    try:
        home.store.drop(home.space)
    except (TunesmithError, ValueError) as error:
        caution(f"the study {record.name!r} is deleted, but the contents of its artifacts stay: {error}")
