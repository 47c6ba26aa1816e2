"""Optuna's ``artifacts``: files of trials and studies, kept in a folder or a bucket under ids.

Where there is no need of Optuna's names, ``trial.artifacts.save(name, path)`` keeps them by name and by content.
"""

from __future__ import annotations

from tunesmith.compat.optuna.artifacts.backoff import Backoff
from tunesmith.compat.optuna.artifacts.stores import Boto3ArtifactStore, FileSystemArtifactStore, GCSArtifactStore
from tunesmith.compat.optuna.artifacts.transfer import (
    ArtifactMeta,
    download_artifact,
    get_all_artifact_meta,
    upload_artifact,
)
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here

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
lead_here(__name__)
