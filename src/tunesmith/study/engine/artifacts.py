"""The artifacts of a study: the storage keeps the names, a store the contents; and the disk that checkpoints take.

A running or a paused trial has one checkpoint, from which it goes on. Without it, it would begin anew: so it is removed
only where the user said so, or where the search has come to its end.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from tunesmith.artifacts import open_store
from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.checkpoints import step_of
from tunesmith.artifacts.collection import Artifacts
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, ArtifactNotFoundError, StorageError
from tunesmith.executors.resources import in_words, parse_bytes
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.warnings import caution
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.trial.record import Fence

STORE = "artifact_store"  # the system attribute that holds the URL


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


_log = logging.getLogger("tunesmith")


class CheckpointDisk:
    """The checkpoints of a study on disk, during one call of ``optimize``.

    Args:
        parents: returns the trials whose checkpoints new trials may begin from.
        keep: whether paused trials keep theirs when the search ends; None: unless the study has all its trials. False
            also lets the budget take those of the trials that were paused first.
        budget: bytes, or a text such as "20GB", that the checkpoints of the study may take; None: no limit.

    Raises:
        ValueError: the budget is no size.
    """

    def __init__(
        self,
        study: StudyReplica,
        home: ArtifactHome,
        parents: Callable[[], set[int]],
        keep: bool | None,
        budget: float | str | None,
    ) -> None:
        self._study = study
        self._home = home
        self._parents = parents
        self._keep = keep
        try:
            self._budget = None if budget is None else parse_bytes(budget)
        except ValueError as error:
            raise ValueError(f"checkpoint_budget: {error}") from None
        self._told = False

    def hold_budget(self) -> None:
        """Remove what is not needed any more, the oldest first, until the checkpoints fit; called after a pause."""
        if self._budget is None:
            return
        with suppress(StorageError):  # the next pause tries again
            found = self._found()
            if (used := _size(found)) <= self._budget:
                return
            states = {
                t.number: t.state for t in self._study.trials(sorted({a.number for a in found if a.number is not None}))
            }
            needed = self._parents()
            ended = [a for a in found if a.number is not None and states[a.number].is_finished()]
            paused = [a for a in found if a.number is not None and states[a.number] is TrialState.PAUSED]
            spare = [a for a in ended if a.number not in needed]
            if self._keep is False:
                spare += [a for a in paused if a.number not in needed]
            for artifact in spare:
                if used <= self._budget:
                    return
                self._remove([artifact])
                used = _size(self._found())
            if used > self._budget and not self._told:
                self._told = True
                caution(
                    f"the checkpoints of the study take {in_words(used)}, more than checkpoint_budget allows "
                    f"({in_words(self._budget)}): {len(paused)} paused trials and those that run need them to go on. "
                    "Give it more room, or let the trials that were paused first begin anew: keep_checkpoints=False"
                )

    def end(self, n_trials_total: int | None) -> None:
        """Remove the checkpoints of paused trials, or say what they take, when a call of ``optimize`` has ended."""
        study = self._study
        if not study.history.paused:
            return
        with suppress(StorageError):
            paused = set(study.history.paused) - self._parents()
            theirs = [artifact for artifact in self._found() if artifact.number in paused]
            if not theirs:
                return
            counts = study.count()
            open_trials = counts.get(TrialState.RUNNING, 0) + counts.get(TrialState.WAITING, 0)
            over = n_trials_total is not None and sum(counts.values()) >= n_trials_total and not open_trials
            what = f"the checkpoints of {len(theirs)} paused trials ({in_words(_size(theirs))})"
            if self._keep or (self._keep is None and not over):
                _log.info("%s are kept, so that a later call goes on with them; keep_checkpoints=False removes", what)
                return
            self._remove(theirs)
            _log.info("%s were removed at the end of the search; in a later call these trials begin anew", what)

    def _found(self) -> list[Artifact]:
        """Return all checkpoints of the study, the oldest first."""
        found = [a for a in self._study.storage.artifacts(self._study.study_id) if step_of(a) is not None]
        return sorted(found, key=lambda artifact: artifact.created)

    def _remove(self, found: Iterable[Artifact]) -> None:
        for artifact in found:
            with suppress(ArtifactError, ArtifactNotFoundError):
                Artifacts(StudyPointers(self._home), artifact.number).remove(artifact.name)


def _size(found: Iterable[Artifact]) -> int:
    """Return how many bytes checkpoints take; a content that several have is there once."""
    return sum({artifact.key: artifact.size for artifact in found}.values())
