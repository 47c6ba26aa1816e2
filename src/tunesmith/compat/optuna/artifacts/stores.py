"""Where artifacts are kept: a folder, a bucket of S3, a bucket of Google Cloud Storage.

A store has three methods, `open_reader`, `write` and `remove`; an object of your own with these is one too.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from tunesmith.compat.optuna.artifacts.exceptions import ArtifactNotFound
from tunesmith.errors import MissingDependencyError
from tunesmith.text import shown


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
