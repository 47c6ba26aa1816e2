"""`Checkpoints`: the checkpoint of one running trial, a local folder that is published when the trial reports.

A checkpoint is the artifact ``checkpoint/STEP`` of its trial, where STEP is the step that was reported when it was
published. A new one is published before the old one is removed, so that there is always a whole one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from tunesmith.artifacts.collection import Artifacts
from tunesmith.artifacts.record import Artifact
from tunesmith.artifacts.scratch import temporary_folder
from tunesmith.caution import caution
from tunesmith.errors import ArtifactError, ArtifactNotFoundError

PREFIX = "checkpoint/"

Signature = tuple[tuple[str, int, int, int], ...]


def step_of(artifact: Artifact) -> int | None:
    """Return the step of a checkpoint; None: the artifact is something else."""
    name = artifact.name
    text = name[len(PREFIX) :] if name.startswith(PREFIX) and artifact.is_folder else ""
    return int(text) if text.isdecimal() else None


def newest(found: Iterable[Artifact]) -> Artifact | None:
    """Return the checkpoint with the highest step among the artifacts of a trial, None if there is none."""
    steps = {step: artifact for artifact in found if (step := step_of(artifact)) is not None}
    return steps[max(steps)] if steps else None


class Checkpoints:
    """The checkpoint of a running trial.

    Args:
        artifacts: gives the artifacts of the trial.
        number: the trial, for messages.
    """

    def __init__(self, artifacts: Callable[[], Artifacts], number: int) -> None:
        self._artifacts = artifacts
        self._number = number
        self._folder: Path | None = None
        self._published: Signature = ()
        self._found: Artifact | None = None
        self._looked = False

    @property
    def step(self) -> int | None:
        """The step of the checkpoint that the trial begins with; None: it begins anew."""
        if not self._looked:
            self._found = newest(self._artifacts().values())
            self._looked = True
        return None if self._found is None else step_of(self._found)

    @property
    def folder(self) -> Path:
        """The local folder, made when it is first asked for, with the checkpoint that there is."""
        if self._folder is None:
            folder = Path(temporary_folder(self)) / "checkpoint"
            if self.step is not None and self._found is not None:
                try:
                    self._artifacts().download(self._found.name, folder)
                except (ArtifactNotFoundError, ArtifactError) as error:
                    caution(f"trial {self._number}: its checkpoint cannot be read, so that it begins anew: {error}")
                    self._found = None
            self._folder = folder
            folder.mkdir(exist_ok=True)
            self._published = _signature(folder)
        self._folder.mkdir(parents=True, exist_ok=True)  # the objective may have deleted it
        return self._folder

    def publish(self, step: int) -> None:
        """Publish what is in the folder as the state after a step, if it changed since the last time.

        Where the store cannot take it, the training goes on, and the checkpoint before stays.
        """
        folder = self._folder
        if folder is None or not folder.is_dir():
            return
        now = _signature(folder)
        if now == self._published or not now:
            return
        artifacts = self._artifacts()
        name = f"{PREFIX}{step}"
        try:
            artifacts.save(name, folder)
            self._published = now
            remove(artifacts, but=name)
        except (ArtifactError, OSError, ValueError) as error:  # a full disk, a link that leads out of the folder
            caution(f"trial {self._number}: the checkpoint at step {step} cannot be kept: {error}")


def remove(artifacts: Artifacts, but: str | None = None) -> None:
    """Remove the checkpoints of a trial.

    Args:
        artifacts: those of the trial.
        but: the name of one that stays.
    """
    for artifact in artifacts.values():
        if step_of(artifact) is not None and artifact.name != but:
            artifacts.remove(artifact.name)


def _signature(folder: Path) -> Signature:
    """Return what tells by names, sizes and times whether the content of a folder changed."""
    found = []
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            state = os.stat(path, follow_symlinks=False)
            found.append((os.path.relpath(path, folder), state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(sorted(found))
