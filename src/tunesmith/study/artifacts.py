"""`StudyArtifacts`: what ``study.artifacts`` is; and the artifacts of studies that are copied or deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Real
from operator import index
from typing import Any

from tunesmith.artifacts.base import chunks_of
from tunesmith.artifacts.collection import Artifacts
from tunesmith.artifacts.content import guarded
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, DamagedArtifactError, TunesmithError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.engine.artifacts import STORE, ArtifactHome, StudyPointers

DAY = 86400.0  # seconds


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
            TypeError: it is no number of a trial.
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

    @checked("grace")
    def clean(self, grace: float = DAY) -> int:
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
        seconds = _seconds(grace)
        if seconds is None:
            raise ValueError(f"grace must be seconds, 0 or more; got {shown(grace)}")
        store, home = self._home.store, self._home
        # In this order: what is old and has no pointer *after* it was seen to be old will never have one.
        old = [key for key, age in store.blobs(home.space) if age >= seconds]
        pointed_to = {artifact.key for artifact in home.storage.artifacts(home.study_id)}
        orphans = [key for key in old if key not in pointed_to]
        for key in orphans:
            store.delete(key)
        return len(orphans)


def _seconds(given: Any) -> float | None:
    """Return a number of seconds as one; None: it is none."""
    if isinstance(given, bool) or not isinstance(given, Real):
        return None
    try:
        found = float(given)
    except OverflowError:
        return None
    return found if found >= 0 else None


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
    if home.given is None and STORE not in record.system and storage.artifact_folder() is None:
        return
    try:
        home.store.drop(home.space)
    except (TunesmithError, ValueError) as error:
        caution(f"the study {record.name!r} is deleted, but the contents of its artifacts stay: {error}")
