"""Optuna's ``artifacts``: files of trials and studies, kept in a folder or a bucket under ids.

Where there is no need of Optuna's names, ``trial.artifacts.save(name, path)`` keeps them by name and by content.
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from tunesmith.compat.optuna._deprecated import formerly_positional
from tunesmith.compat.optuna.artifacts.exceptions import ArtifactNotFound
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.running import Trial
from tunesmith.compat.optuna.storages.kinds import BaseStorage
from tunesmith.compat.optuna.study import Study
from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import name_and_message, shown
from tunesmith.foundation.warnings import caution

# -- where artifacts are kept: a folder, a bucket of S3, a bucket of Google Cloud Storage ---------------------------


class ArtifactStore(Protocol):
    """What `upload_artifact` and `download_artifact` need of a store."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact to be read.

        Raises:
            ArtifactNotFound: there is none with that id.
        """

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep an artifact.

        Args:
            artifact_id: under which it is kept.
            content_body: is read to its end.
        """

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact.

        Raises:
            ArtifactNotFound: there is none with that id.
        """


class FileSystemArtifactStore:
    """Keeps artifacts as files of a folder.

    Args:
        base_path: the folder; it must be there when something is written.
    """

    @checked()
    def __init__(self, base_path: str | os.PathLike[str]) -> None:
        self._folder = Path(base_path)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact to be read.

        Raises:
            ArtifactNotFound: there is none with that id.
            ValueError: the id leads out of the folder.
        """
        try:
            return open(self._path(artifact_id), "rb")
        except FileNotFoundError:
            raise ArtifactNotFound(f"{self._folder} has no artifact {artifact_id!r}") from None

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep an artifact.

        Args:
            artifact_id: the name of its file.
            content_body: is read to its end.

        Raises:
            ValueError: the id leads out of the folder.
        """
        with open(self._path(artifact_id), "wb") as file:
            shutil.copyfileobj(content_body, file)

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact.

        Raises:
            ArtifactNotFound: there is none with that id.
            ValueError: the id leads out of the folder.
        """
        try:
            self._path(artifact_id).unlink()
        except FileNotFoundError:
            raise ArtifactNotFound(f"{self._folder} has no artifact {artifact_id!r}") from None

    def _path(self, artifact_id: str) -> Path:
        folder = os.path.abspath(self._folder)
        path = os.path.abspath(os.path.join(folder, artifact_id))
        if path == folder or os.path.commonpath([folder, path]) != folder:
            raise ValueError(
                f"Invalid artifact_id: {shown(artifact_id)}; it must be the name of a file in {self._folder}"
            )
        return Path(path)


class Boto3ArtifactStore:
    """Keeps artifacts in a bucket of S3, by boto3.

    Args:
        bucket_name: the bucket.
        client: boto3's client for S3; None: ``boto3.client("s3")``.
        avoid_buf_copy: upload the file itself, which boto3 may close, in place of a copy in memory.

    Attributes:
        bucket: the bucket's name.
        client: boto3's client.

    Raises:
        MissingDependencyError: boto3 is not installed.
    """

    @checked()
    def __init__(self, bucket_name: str, client: Any = None, *, avoid_buf_copy: bool = False) -> None:
        try:
            import boto3
        except ImportError as error:
            raise MissingDependencyError("Boto3ArtifactStore needs boto3: pip install boto3") from error
        self.bucket = bucket_name
        self.client = client or boto3.client("s3")
        self._copies = not avoid_buf_copy

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact to be read.

        Raises:
            ArtifactNotFound: there is none with that id.
        """
        from botocore.exceptions import ClientError

        try:
            body: BinaryIO = self.client.get_object(Bucket=self.bucket, Key=artifact_id)["Body"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if code == "NoSuchKey" or status == 404:
                raise ArtifactNotFound(f"the bucket {self.bucket!r} has no artifact {artifact_id!r}") from error
            raise
        return body

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep an artifact.

        Args:
            artifact_id: its key.
            content_body: is read to its end.
        """
        body = io.BytesIO(content_body.read()) if self._copies else content_body
        self.client.upload_fileobj(body, self.bucket, artifact_id)

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact; S3 does not say whether it was there."""
        self.client.delete_object(Bucket=self.bucket, Key=artifact_id)


class GCSArtifactStore:
    """Keeps artifacts in a bucket of Google Cloud Storage.

    Args:
        bucket_name: the bucket.
        client: a ``google.cloud.storage.Client``; None: one with the settings of the machine.

    Attributes:
        bucket_name: the bucket's name.
        client: the client.
        bucket_obj: the client's bucket.

    Raises:
        MissingDependencyError: there is no client, and google-cloud-storage is not installed.
    """

    @checked()
    def __init__(self, bucket_name: str, client: Any = None) -> None:
        if client is None:
            try:
                from google.cloud import storage
            except ImportError as error:
                raise MissingDependencyError(
                    "GCSArtifactStore needs google-cloud-storage: pip install google-cloud-storage"
                ) from error
            client = storage.Client()
        self.bucket_name, self.client = bucket_name, client
        self.bucket_obj = client.bucket(bucket_name)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact to be read.

        Raises:
            ArtifactNotFound: there is none with that id.
        """
        blob = self.bucket_obj.get_blob(artifact_id)
        if blob is None:
            raise ArtifactNotFound(f"the bucket {self.bucket_name!r} has no artifact {artifact_id!r}")
        return io.BytesIO(blob.download_as_bytes())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep an artifact.

        Args:
            artifact_id: its name.
            content_body: is read to its end.
        """
        self.bucket_obj.blob(artifact_id).upload_from_string(content_body.read())

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact."""
        self.bucket_obj.delete_blob(artifact_id)


# -- `Backoff`: a store that tries again when the store behind it fails ---------------------------------------------

T = TypeVar("T")


class Backoff:
    """Tries again what fails in another store, after longer and longer waits. A missing artifact is not a failure.

    Args:
        backend: the other store.
        max_retries: how often each thing is tried.
        multiplier: each wait is that many times the one before.
        min_delay: the first wait, in seconds.
        max_delay: the longest wait, in seconds.

    Raises:
        ValueError: one of the numbers is not above 0, or ``max_delay`` is not above ``min_delay``.
    """

    @checked()
    def __init__(
        self,
        backend: ArtifactStore,
        *,
        max_retries: int = 10,
        multiplier: float = 2,
        min_delay: float = 0.1,
        max_delay: float = 30,
    ) -> None:
        if not (max_retries > 0 and multiplier > 0 and 0 < min_delay < max_delay):
            given: dict[str, Any] = {"max_retries": max_retries, "multiplier": multiplier}
            given |= {"min_delay": min_delay, "max_delay": max_delay}
            raise ValueError(f"Backoff takes numbers above 0, with min_delay < max_delay; got {shown(given)}")
        self._store = backend
        self._times, self._factor, self._first, self._longest = max_retries, multiplier, min_delay, max_delay

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact to be read.

        Raises:
            ArtifactNotFound: there is none with that id.
        """
        return self._tried(lambda: self._store.open_reader(artifact_id), f"opened {artifact_id}")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep an artifact.

        Args:
            artifact_id: under which it is kept.
            content_body: is read from where it stands now, each time.
        """
        start = content_body.tell()

        def write() -> None:
            content_body.seek(start)
            self._store.write(artifact_id, content_body)

        self._tried(write, f"written {artifact_id}")

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact.

        Raises:
            ArtifactNotFound: there is none with that id.
        """
        self._tried(lambda: self._store.remove(artifact_id), f"removed {artifact_id}")

    def _tried(self, what: Callable[[], T], words: str) -> T:
        for i in range(self._times - 1):
            try:
                return what()
            except ArtifactNotFound:
                raise
            except Exception as error:  # whatever the store's own library raises
                caution(f"the store of artifacts has not {words}, and is tried again: {name_and_message(error)}")
            time.sleep(min(self._first * self._factor**i, self._longest))
        return what()


# -- artifacts of trials and studies: what is uploaded is kept in a store under an id that the study knows -----------

ARTIFACTS_PREFIX = "artifacts:"  # of the system attributes
UNKNOWN_MIMETYPE = "application/octet-stream"


@dataclass
class ArtifactMeta:
    """What is known of an artifact.

    Attributes:
        artifact_id: under which the store has it.
        filename: the name of the file that was uploaded.
        mimetype: what kind of content it is.
        encoding: how the content is encoded, such as "gzip"; None: it is not.
    """

    artifact_id: str
    filename: str
    mimetype: str
    encoding: str | None


@formerly_positional(["study_or_trial", "file_path", "artifact_store"], "4.0.0", "6.0.0")
def upload_artifact(
    *,
    artifact_store: ArtifactStore,
    file_path: str | os.PathLike[str],
    study_or_trial: Trial | FrozenTrial | Study,
    storage: BaseStorage | None = None,
    mimetype: str | None = None,
    encoding: str | None = None,
) -> str:
    """Keep a file as an artifact of a trial or a study.

    Args:
        artifact_store: where.
        file_path: the file.
        study_or_trial: whose artifact it is.
        storage: the storage of the study; needed for a `FrozenTrial`.
        mimetype: what kind of content it is; None: what the name of the file says.
        encoding: how the content is encoded; None: what the name of the file says.

    Returns:
        The id of the artifact.

    Raises:
        ValueError: there is no storage.
        TypeError: it is neither a trial nor a study.
    """
    home, owner = _owner(study_or_trial, storage)
    name = os.path.basename(file_path)
    kind, coded = mimetypes.guess_type(name)
    meta = ArtifactMeta(str(uuid.uuid4()), name, mimetype or kind or UNKNOWN_MIMETYPE, encoding or coded)
    with open(file_path, "rb") as file:
        artifact_store.write(meta.artifact_id, file)
    # After the content: who reads the description finds what it describes.
    told = json.dumps(asdict(meta))
    if isinstance(study_or_trial, Study):
        home.set_study_system_attr(owner, ARTIFACTS_PREFIX + meta.artifact_id, told)
    else:
        home.set_trial_system_attr(owner, ARTIFACTS_PREFIX + meta.artifact_id, told)
    return meta.artifact_id


@checked()
def download_artifact(*, artifact_store: ArtifactStore, file_path: str | os.PathLike[str], artifact_id: str) -> None:
    """Write an artifact to a file that is not there yet.

    Args:
        artifact_store: where it is kept.
        file_path: the file.
        artifact_id: its id.

    Raises:
        FileExistsError: there is such a file.
        ArtifactNotFound: the store has no such artifact.
    """
    if os.path.exists(file_path):
        raise FileExistsError(f"{os.fspath(file_path)} is there already: give download_artifact a new name")
    with artifact_store.open_reader(artifact_id) as reader, open(file_path, "wb") as writer:
        shutil.copyfileobj(reader, writer)


def get_all_artifact_meta(
    study_or_trial: Trial | FrozenTrial | Study, *, storage: BaseStorage | None = None
) -> list[ArtifactMeta]:
    """Return the descriptions of the artifacts of a trial, or of a study's own.

    Args:
        study_or_trial: whose artifacts.
        storage: the storage of the study; needed for a `FrozenTrial`.

    Returns:
        One for each.

    Raises:
        ValueError: there is no storage.
        TypeError: it is neither a trial nor a study.
    """
    home, owner = _owner(study_or_trial, storage)
    of_study = isinstance(study_or_trial, Study)
    attrs = home.get_study_system_attrs(owner) if of_study else home.get_trial_system_attrs(owner)
    return [ArtifactMeta(**json.loads(told)) for key, told in attrs.items() if key.startswith(ARTIFACTS_PREFIX)]


def _owner(study_or_trial: Any, storage: BaseStorage | None) -> tuple[BaseStorage, int]:
    """Return the storage, and the id of the study or the trial in it."""
    if isinstance(study_or_trial, Study):
        return storage or study_or_trial._storage, study_or_trial._study_id
    if isinstance(study_or_trial, Trial):
        return storage or study_or_trial.storage, study_or_trial._trial_id
    if not isinstance(study_or_trial, FrozenTrial):
        raise TypeError(f"study_or_trial must be a trial or a study; got {shown(study_or_trial)}")
    if storage is None:
        raise ValueError("a FrozenTrial does not know its storage: give storage=, such as study._storage")
    return storage, study_or_trial._trial_id


__all__ = [
    "ArtifactMeta",
    "Backoff",
    "Boto3ArtifactStore",
    "FileSystemArtifactStore",
    "GCSArtifactStore",
    "download_artifact",
    "get_all_artifact_meta",
    "upload_artifact",
]

__getattr__ = refuser(__name__, __all__)
