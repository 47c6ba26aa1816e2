"""The part of the storage contract that keeps the names of artifacts; their contents are in a `BlobStore`."""

from __future__ import annotations

from abc import ABC

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import StorageError
from tunesmith.frozen import Fence


class ArtifactPointers(ABC):  # noqa: B024 - a storage that keeps no artifacts is one all the same
    """Keeps which blob each artifact of a study points to.

    A blob may be pointed to from the time that its writer publishes it until the last pointer to it is gone; after that
    nothing can point to it any more, so that it can be deleted without a lock. A storage that does not have these
    methods keeps no artifacts.
    """

    def put_artifact(
        self, study_id: int, artifact: Artifact, fence: Fence | None = None
    ) -> tuple[Artifact, list[str]] | None:
        """Publish an artifact, in the place of the one of its name, in one transaction; durable on return.

        If an artifact of the study has the same content (`digest`), it points to the same blob. Without a `key` it can
        do nothing else. Its `attempt` is that of the trial.

        Args:
            study_id: the study.
            artifact: what to publish: `number` says of which trial, None: of the study.
            fence: the attempt that saves it; None: whoever runs the trial.

        Returns:
            the artifact as it was published, and the keys of blobs that no artifact points to since; None: it has no
            key, and no artifact of the study has this content; or the connection was lost when it was published, and it
            is not there now: it may have been removed since, with its blob, so the content is to be put anew.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim; nothing is published.
            KeyError: the study has no trial of this number.
        """
        raise StorageError(f"{type(self).__name__} keeps no artifacts; use another storage for them")

    def artifacts(self, study_id: int) -> list[Artifact]:
        """Return all artifacts of a study: its own first, then those of trials by number, each by name."""
        return []

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        """Return the artifacts of one trial, by name.

        Args:
            study_id: the study.
            number: the trial; None: the study itself.

        Returns:
            the records; none if there is no such trial.
        """
        return []

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        """Remove an artifact, in one transaction; one that is not there is ignored.

        Args:
            study_id: the study.
            number: its trial; None: the study itself.
            name: its name.
            fence: the attempt that removes it; None: whoever runs the trial.

        Returns:
            the keys of blobs that no artifact points to since.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
            KeyError: the study has no trial of this number.
        """
        return []

    def artifact_folder(self) -> str | None:
        """Return the folder for the contents where the user names none; None: the user has to."""
        return None
