"""Artifacts of trials and studies: what is uploaded is kept in a store under an id, and the study knows what it is.

The descriptions are system attributes of the trial or the study, under the names that Optuna gives them.
"""

from __future__ import annotations

import json
import mimetypes
import os
import shutil
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from tunesmith.compat.optuna._deprecated import formerly_positional
from tunesmith.compat.optuna.artifacts.stores import ArtifactStore
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.running import Trial
from tunesmith.compat.optuna.storages.base import BaseStorage
from tunesmith.compat.optuna.study_class import Study
from tunesmith.text import shown

PREFIX = "artifacts:"  # of the system attributes
UNKNOWN = "application/octet-stream"


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
    meta = ArtifactMeta(str(uuid.uuid4()), name, mimetype or kind or UNKNOWN, encoding or coded)
    with open(file_path, "rb") as file:
        artifact_store.write(meta.artifact_id, file)
    # After the content: who reads the description finds what it describes.
    told = json.dumps(asdict(meta))
    if isinstance(study_or_trial, Study):
        home.set_study_system_attr(owner, PREFIX + meta.artifact_id, told)
    else:
        home.set_trial_system_attr(owner, PREFIX + meta.artifact_id, told)
    return meta.artifact_id


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
    return [ArtifactMeta(**json.loads(told)) for key, told in attrs.items() if key.startswith(PREFIX)]


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
