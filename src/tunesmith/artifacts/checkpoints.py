"""`Checkpoints`: the checkpoint of one running trial, a local folder that is published when the trial reports.

A checkpoint is the artifact ``checkpoint/STEP`` of its trial, where STEP is the step that was reported when it was
published. A new one is published before the old one is removed, so that there is always a whole one. Where the best
report is the result of a trial, its checkpoint has a second name, ``best``, which stays when the trial has ended.

Nothing is written twice: the folder stands on the disk of the store, which takes it over by renaming it. So what is in
it must be out of reach of the objective then, which may write to the same file in place: only small files are copied
back. What was moved away and is not written again belongs to the next checkpoint too, by a hard link.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from tunesmith.artifacts.collection import Artifacts
from tunesmith.artifacts.folders import copy_folder, link, members_of, replace_links
from tunesmith.artifacts.record import Artifact
from tunesmith.artifacts.scratch import temporary_folder
from tunesmith.errors import ArtifactError, ArtifactNotFoundError
from tunesmith.foundation.preemption import PREEMPTION, end_now
from tunesmith.foundation.warnings import caution

CHECKPOINT_PREFIX = "checkpoint/"
BEST_CHECKPOINT = "best"  # the artifact with the checkpoint of the best report, which stays
COPY_TRIES = 5  # so often a folder is copied that another program writes to, until no file has gone meanwhile
STAYS, SHARE = 64 * 1024, 25  # what stays in the folder after a report: so many bytes, or one part in so many of all

KEPT_NOT = (ArtifactError, OSError, ValueError)  # a full disk, say, or a link that leads out of the folder
Signature = tuple[tuple[str, int, int, int], ...]


def step_of(artifact: Artifact) -> int | None:
    """Return the step of a checkpoint; None: the artifact is something else."""
    name = artifact.name
    text = name[len(CHECKPOINT_PREFIX) :] if name.startswith(CHECKPOINT_PREFIX) and artifact.is_folder else ""
    return int(text) if text.isdecimal() else None


def newest(found: Iterable[Artifact]) -> Artifact | None:
    """Return the checkpoint with the highest step among the artifacts of a trial, None if there is none."""
    steps = {step: artifact for artifact in found if (step := step_of(artifact)) is not None}
    return steps[max(steps)] if steps else None


class Checkpoints:
    """The checkpoint of a running trial.

    Attributes:
        keeps_all: whether the folder stays as it is, and a copy is published: another program writes to it whenever it
            wants to.
        held: whether nothing is published for the time being: what is in the folder may be half of a checkpoint.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._number = artifacts.number
        self._place: Path | None = None
        self._remote = False  # whether the store has no place on this machine
        self._published: Signature = ()
        self._found: Artifact | None = None
        self._looked = False
        self._before: Path | None = None  # the content of the checkpoint before, to be read alone
        self._moved: set[str] = set()  # what of it is not in the folder, by the names at its top
        self._stays: set[str] = set()  # what is in the folder still that was published
        self._thread: threading.Thread | None = None  # writes and publishes
        self._failed: tuple[int, BaseException] | None = None  # the step, and what went wrong there
        self._begun = False  # whether the objective has the folder, or something of this attempt was published
        self.keeps_all = self.held = False
        self._reported: float | None = None  # when the last report came, by the monotonic clock
        self._takes: float | None = None  # seconds from one report to the next, the last time
        self._made: int | None = None  # the step of the last checkpoint

    @property
    def step(self) -> int | None:
        """The step of the checkpoint that the trial begins with; None: it begins anew."""
        if not self._looked:
            self._found = newest(self._artifacts.values())
            self._looked = True
        return None if self._found is None else step_of(self._found)

    @property
    def source(self) -> Path | None:
        """Where the checkpoint is that the trial begins with, to be read alone; None: it begins anew."""
        if self._begun:
            return self._place
        if self._before is None and self.step is not None and self._found is not None:
            name = self._found.name
            try:
                self._before = self._artifacts.folder_here(name)
                if self._before is None:
                    self._before = self._artifacts.download(name, self.place.with_name("before"))
                self._moved = {entry.name for entry in self._before.iterdir()}
            except (ArtifactNotFoundError, ArtifactError) as error:
                caution(f"trial {self._number}: its checkpoint cannot be read, so that it begins anew: {error}")
                self._found = None
        return self._before

    @property
    def place(self) -> Path:
        """The local folder where the next checkpoint is written."""
        if self._place is None:
            store, space = self._artifacts.pointers.place()
            within = store.workspace(space)
            self._remote = within is None
            self._place = Path(temporary_folder(self, within)) / "checkpoint"
            PREEMPTION.enter(self)
        self._place.mkdir(parents=True, exist_ok=True)  # the objective may have deleted it
        return self._place

    @property
    def folder(self) -> Path:
        """The same folder, which holds a copy of the checkpoint that there is when it is first asked for."""
        if not self._begun:
            source, place = self.source, self.place
            self._begun = True
            if source is not None:
                if self._remote:  # a copy of our own
                    place.rmdir()
                    os.rename(source, place)
                else:
                    copy_folder(source, place)
                self._before, self._moved = None, set()
                self._published = _signature(place)
        return self.place

    def next_report(self) -> float | None:
        """Return in how many seconds the next report is to be expected; None: it is not known."""
        if self._reported is None or self._takes is None or self.keeps_all:
            return None
        return self._reported + self._takes - time.monotonic()

    def end_if_asked(self, step: int) -> None:
        """Note a report; end the process if it is to end, and what was saved with this report is whole."""
        now = time.monotonic()
        if self._reported is not None:
            self._takes = now - self._reported
        self._reported = now
        if PREEMPTION.asked and not self.keeps_all and (self._made == step or self._thread is not None):
            self.wait()
            end_now()

    def publish(self, step: int, best: bool = False) -> None:
        """Publish what is in the folder as the state after a step, if it changed since the last time.

        Where the store cannot take it, the training goes on, and the checkpoint before stays.

        Args:
            best: whether the report is the best so far, so that the checkpoint is kept.
        """
        folder = self._place
        if folder is None or self.held or not folder.is_dir():
            return
        now = _signature(folder)
        if now != self._published and now:
            self.wait()
            try:
                if self.keeps_all:
                    self._save(step, folder, now)
                else:
                    self._hand_over(step, None)
            except KEPT_NOT as error:
                self._warn(step, error)
        if best:
            self.keep_best(step)

    def keep_best(self, step: int) -> None:
        """Keep the checkpoint of a step as that of the best report; without one, that of a worse report goes."""
        self.wait()
        try:
            self._name_best(step)
        except KEPT_NOT as error:
            self._warn(step, error)

    def _name_best(self, step: int) -> None:
        artifacts, name = self._artifacts, f"{CHECKPOINT_PREFIX}{step}"
        if name in artifacts:
            artifacts.copy_from(self._number, name, BEST_CHECKPOINT)
        elif BEST_CHECKPOINT in artifacts:
            artifacts.remove(BEST_CHECKPOINT)

    def keep_last(self, step: int, write: Callable[[Path], None]) -> None:
        """Keep what is in the folder, and what is yet to be written, as that of the best report, and no checkpoint.

        Args:
            step: of the report, which is the last one of its trial.
            write: writes to the folder that it is given.
        """
        self.wait()
        try:
            self._hand_over(step, write, name=BEST_CHECKPOINT)
        except KEPT_NOT as error:
            self._warn(step, error)

    def publish_later(self, step: int, write: Callable[[Path], None], best: bool = False) -> None:
        """Publish what is in the folder, and what is yet to be written, by a thread; the one before ends first.

        Args:
            step: as in `publish`.
            write: writes to the folder that it is given.
            best: as in `publish`.
        """
        self.wait()
        try:
            staged = self._stage()
        except (OSError, ValueError) as error:
            self._warn(step, error)
            return

        def work() -> None:
            try:
                self._hand_over(step, write, staged)
                if best:
                    self._name_best(step)
            except BaseException as error:
                self._failed = (step, error)

        self._thread = threading.Thread(target=work, name="tunesmith-checkpoint", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until what is written by a thread is published; raise, or warn of, what went wrong."""
        if self._thread is None:
            return
        self._thread.join()
        failed, self._thread, self._failed = self._failed, None, None
        if failed is not None:
            step, error = failed
            if not isinstance(error, KEPT_NOT):
                raise error
            self._warn(step, error)

    def close(self) -> None:
        """Remove the folder: the attempt has ended, and what was published is elsewhere."""
        PREEMPTION.leave(self)
        self.wait()
        if self._place is not None:
            folder, self._place = self._place.parent, None
            shutil.rmtree(folder, ignore_errors=True)
            if not self._remote:
                with suppress(OSError):  # other trials run in this process
                    folder.parent.rmdir()

    def _warn(self, step: int, error: Exception) -> None:
        caution(f"trial {self._number}: the checkpoint at step {step} cannot be kept: {error}")

    def _save(self, step: int, folder: Path, seen: Signature) -> None:
        """Publish a copy of a folder, which was as `seen` before: what is written meanwhile is for the next one."""
        name = f"{CHECKPOINT_PREFIX}{step}"
        for left in reversed(range(COPY_TRIES)):
            try:
                self._take_copy(name, folder)
                break
            except FileNotFoundError:  # a file got its last name meanwhile
                if not left:
                    raise
        self._published = seen
        self._made = step
        remove_checkpoints(self._artifacts, but=name)

    def _take_copy(self, name: str, folder: Path) -> None:
        if self._remote:
            self._artifacts.save(name, folder)
            return
        staged = folder.with_name("next")
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.mkdir()
            copy_folder(folder, staged)
            self._artifacts.take(name, staged)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _stage(self) -> Path:
        """Move what is in the folder to where the objective does not write, and put back what is small."""
        folder = self.place
        replace_links(folder)  # what cannot be saved is refused before anything is moved
        staged = folder.with_name("next")
        shutil.rmtree(staged, ignore_errors=True)
        os.rename(folder, staged)
        folder.mkdir()
        self._stays = _put_back(staged, folder)
        self._published = _signature(folder)
        self._begun = True
        return staged

    def _hand_over(
        self,
        step: int,
        write: Callable[[Path], None] | None,
        staged: Path | None = None,
        name: str | None = None,
    ) -> None:
        """Publish what was staged, with what is yet to be written, and what was not written again."""
        name = name or f"{CHECKPOINT_PREFIX}{step}"
        artifacts, folder = self._artifacts, self.place
        staged = staged or self._stage()
        there = {entry.name for entry in staged.iterdir()}
        carried: list[str] = []
        try:
            if write is not None:
                write(staged)
            if self._before is not None:
                carried = sorted(self._moved - {entry.name for entry in staged.iterdir()})
                for entry in carried:
                    _link_tree(self._before / entry, staged / entry)
            kept: Path | None
            if self._remote:
                artifacts.save(name, staged)
                kept = folder.with_name("before")
                shutil.rmtree(kept, ignore_errors=True)
                os.rename(staged, kept)
            else:
                key = artifacts.take(name, staged).key
                kept = artifacts.pointers.place()[0].folder_of(key)
        except BaseException:
            with suppress(OSError):
                for entry in there - {entry.name for entry in folder.iterdir()}:
                    os.rename(staged / entry, folder / entry)
            shutil.rmtree(staged, ignore_errors=True)
            self._published = ()
            raise
        self._before, self._made = kept, step
        self._moved = set() if kept is None else {entry.name for entry in kept.iterdir()} - self._stays
        if name != BEST_CHECKPOINT:
            remove_checkpoints(artifacts, but=name)


def _put_back(source: Path, folder: Path) -> set[str]:
    """Copy what is small; return its names, of files and folders at the top."""
    sizes = {
        entry: sum(path.stat().st_size for path in (entry.rglob("*") if entry.is_dir() else [entry]) if path.is_file())
        for entry in source.iterdir()
    }
    room = max(STAYS, sum(sizes.values()) // SHARE)
    stays = set()
    for entry, size in sorted(sizes.items(), key=lambda item: item[1]):
        if size > room:
            break
        room -= size
        stays.add(entry.name)
        if entry.is_dir():
            (folder / entry.name).mkdir()
            copy_folder(entry, folder / entry.name)
        else:
            shutil.copyfile(entry, folder / entry.name)
            os.chmod(folder / entry.name, entry.stat().st_mode | 0o200)
    return stays


def _link_tree(source: Path, target: Path) -> None:
    """Give a file, or all files of a folder, another name."""
    if source.is_dir():
        target.mkdir()
        for name, path in members_of(source):
            if path.is_dir():
                (target / name).mkdir()
            else:
                link(path, target / name)
    else:
        link(source, target)


def remove_checkpoints(artifacts: Artifacts, but: str | None = None) -> None:
    """Remove the checkpoints of a trial.

    Args:
        artifacts: those of the trial.
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
            try:
                state = os.stat(path, follow_symlinks=False)
            except FileNotFoundError:  # another program writes here
                continue
            found.append((os.path.relpath(path, folder), state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(sorted(found))
