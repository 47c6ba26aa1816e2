"""What publishes the pointers of artifacts, as `tunesmith.artifacts.Artifacts` calls it."""

from __future__ import annotations

from typing import Protocol

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.record import Artifact


class Pointers(Protocol):
    """What keeps the pointers of a study: its storage, or a channel to the process that has it."""

    def place(self) -> tuple[BlobStore, str]:
        """Return the store of the study's blobs, and the space that is the study's own there."""

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Publish a pointer in the place of the one of this name; see `tunesmith.storage.Storage.put_artifact`."""

    def all(self, number: int | None) -> list[Artifact]:
        """Return the artifacts of a trial, or of the study itself."""

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove a pointer; return the blobs that none points to any more."""
