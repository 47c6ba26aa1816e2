"""`Artifacts`: the artifacts of one trial, or of a study, by name."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from tunesmith.artifacts.base import CHUNK_BYTES, BlobStore, Digest, Pointers, chunks_of, digest_of
from tunesmith.artifacts.content import Savable, content_of
from tunesmith.artifacts.folders import archive, copy_folder, unpack_folder
from tunesmith.artifacts.record import FOLDER_TYPE, Artifact, checked_name, media_type_of
from tunesmith.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    AttemptReplacedError,
    DamagedArtifactError,
)
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import did_you_mean, listing, name_and_message, shown

IN_MEMORY = 8 << 20  # bytes up to which a verified content stays in memory before it goes to a temporary file
PUBLISH_TRIES = 5  # to read an artifact that is being replaced


class Artifacts(Mapping[str, Artifact]):
    """The artifacts of a trial, or the study's own: files and folders by name.

    Names are relative paths with "/", such as "model.pkl" or "plots/loss.png". What is saved under a name that is
    taken replaces it. Readers see the old content or the new one, whole in any case: the content is written first, and
    the name points to it when it is safe. Every content is checked by its SHA-256 when it is read.

    Args:
        pointers: where the names are kept.
        number: the trial; None: the study itself.

    Attributes:
        number: that.
        pointers: for tunesmith's own use.

    Example:
        ```python
        import tunesmith

        def objective(trial):
            x = trial.suggest_float("x", -1, 1)
            trial.artifacts.save("model.txt", f"x = {x}".encode())
            return x**2

        study = tunesmith.create_study(seed=0)
        study.optimize(objective, n_trials=5)
        print(study.artifacts.of(study.best_trial.number).load("model.txt"))
        ```
    """

    def __init__(self, pointers: Pointers, number: int | None) -> None:
        self.pointers = pointers
        self.number = number

    # -- write -------------------------------------------------------------------------------------------------

    @checked("name")
    def save(self, name: str, content: Savable, *, media_type: str | None = None) -> Artifact:
        """Save a file, a folder or bytes. When this returns, the content is durable and the name points to it.

        Args:
            name: a relative path with "/", of at most 200 characters.
            content: bytes; the path of a file or a folder; or a file that is open in binary mode, which is read from
                where it stands. Nothing is read into memory as a whole.
            media_type: what it is, "image/png" say; by default what the name's ending stands for.

        Returns:
            Its record.

        Raises:
            ValueError: the name is not valid, the folder holds a link that leads out of it, or the media type is that
                of folders.
            TypeError: the content is nothing that can be saved.
            FileNotFoundError: there is no such file.
            ArtifactError: the store cannot keep it (the disk is full, say); the name stays as it was.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it; nothing is published.
        """
        name = checked_name(name)
        if media_type == FOLDER_TYPE:
            raise ValueError(f"media_type={FOLDER_TYPE!r} stands for a folder: save the folder by its path")
        with content_of(name, content) as source:
            store, space = self.pointers.place()
            kind = FOLDER_TYPE if source.is_folder else media_type or media_type_of(name)
            for _ in range(PUBLISH_TRIES):
                blob = store.put(space, source.chunks)
                done = self._publish(store, Artifact(name, blob.digest, blob.size, kind, self.number, key=blob.key))
                if done is not None:
                    return done
        raise ArtifactError(f"artifact {name!r} cannot be published: the storage loses its connection each time")

    @checked()
    def take(self, name: str, folder: Path) -> Artifact:
        """Save a folder by letting the store take it over, without a copy.

        Args:
            name: as in `save`.
            folder: it, in the `tunesmith.artifacts.BlobStore.workspace` of the store; it is gone when this returns.

        Returns:
            Its record.

        Raises:
            ValueError: the folder holds what cannot be saved.
            ArtifactError: the store cannot keep it; the name stays as it was.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it; nothing is published.
        """
        store, space = self.pointers.place()
        place: Path | None = folder
        for _ in range(PUBLISH_TRIES):
            if place is None:
                break
            blob = store.take(space, place)
            artifact = Artifact(name, blob.digest, blob.size, FOLDER_TYPE, self.number, key=blob.key)
            done = self._publish(store, artifact, delete=False)
            if done is not None:
                return done
            place = store.folder_of(blob.key)  # to be published under another key
        raise ArtifactError(f"artifact {name!r} cannot be published: the storage loses its connection each time")

    @checked()
    def copy_from(self, number: int | None, name: str, to: str | None = None) -> Artifact:
        """Point to the content of another trial's artifact; nothing is copied but the pointer.

        Args:
            number: the other trial; None: the study itself.
            name: its artifact.
            to: the name of the copy; None: the same.

        Returns:
            Its record.

        Raises:
            ArtifactNotFoundError: the trial has no such artifact.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        to = checked_name(name if to is None else to)
        for _ in range(PUBLISH_TRIES):
            source = _of_name(self.pointers.all(number), name, number)
            copy = Artifact(to, source.digest, source.size, source.media_type, self.number)
            done = self._publish(self.pointers.place()[0], copy)
            if done is not None:
                return done
        raise ArtifactError(f"artifact {name!r} of {_whose(number)} is replaced all the time; copy it later")

    @checked()
    def remove(self, name: str) -> None:
        """Remove an artifact, and its content if nothing else points to that.

        Raises:
            ArtifactNotFoundError: there is none of this name.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        store = self.pointers.place()[0]
        with store.undecided(self[name].key):
            _delete(store, self.pointers.remove(self.number, name))

    # -- read --------------------------------------------------------------------------------------------------

    @checked()
    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; its content was verified when this returns.

        A large one is read from a temporary file that is gone when it is closed, and not from memory.

        Raises:
            ArtifactNotFoundError: there is none of this name.
            DamagedArtifactError: its content is missing, or is not what was saved.
            ArtifactError: it is a folder, or the store cannot be read.
        """
        artifact, stream = self._verified(name)
        if artifact.is_folder:
            stream.close()
            raise ArtifactError(f"artifact {name!r} is a folder; download({name!r}, to) makes it again")
        return stream

    @checked()
    def load(self, name: str) -> bytes:
        """Return the content of a file; see `open` for what is raised."""
        with self.open(name) as stream:
            return stream.read()

    @checked()
    def download(self, name: str, to: str | os.PathLike[str]) -> Path:
        """Write a file or a folder; it appears under its name when it is complete.

        Args:
            name: the artifact.
            to: of a file: its new path, where an old file is replaced, or a folder that is there, in which it gets the
                last part of its name. Of a folder: its new path, where nothing is but an empty folder.

        Returns:
            The path that was written.

        Raises:
            ArtifactNotFoundError: there is none of this name.
            DamagedArtifactError: its content is missing, or is not what was saved.
            FileExistsError: a folder is there already, and is not empty.
        """
        target, artifact, stream = Path(to), self[name], None
        here = self.folder_here(name) if artifact.is_folder else None
        if here is None:
            artifact, stream = self._verified(name)
        with stream or nullcontext():
            if artifact.is_folder:
                _refuse_taken(name, target)
            elif target.is_dir():
                target /= name.rpartition("/")[2]
            partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")
            try:
                if artifact.is_folder:
                    partial.mkdir()
                    if here is not None:
                        copy_folder(here, partial)
                    elif stream is not None:
                        unpack_folder(stream, partial)
                    if target.exists():
                        target.rmdir()
                elif stream is not None:
                    with partial.open("xb") as file:
                        shutil.copyfileobj(stream, file, CHUNK_BYTES)
                partial.replace(target)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                with suppress(OSError):
                    partial.unlink()
                raise
        return target

    @checked()
    def folder_here(self, name: str) -> Path | None:
        """Return where a folder is kept as such on this machine, verified; it must not be changed.

        None: its content is an archive, or elsewhere.

        Args:
            name: the artifact.

        Raises:
            ArtifactNotFoundError: there is none of this name.
            DamagedArtifactError: it is not what was saved.
        """
        artifact = self[name]
        place = self.pointers.place()[0].folder_of(artifact.key)
        if place is not None:
            try:
                digest = digest_of(archive(place))
            except (OSError, ValueError) as error:
                raise DamagedArtifactError(f"the content of artifact {name!r} cannot be read: {error}") from error
            _compare(digest, artifact)
        return place

    def __getitem__(self, name: str) -> Artifact:
        return _of_name(self.pointers.all(self.number), name, self.number)

    def __iter__(self) -> Iterator[str]:
        return iter([artifact.name for artifact in self.pointers.all(self.number)])

    def __len__(self) -> int:
        return len(self.pointers.all(self.number))

    def __contains__(self, name: object) -> bool:
        return any(artifact.name == name for artifact in self.pointers.all(self.number))

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<artifacts of {_whose(self.number)}: {listing(self) or 'none'}>"

    # -- inside ------------------------------------------------------------------------------------------------

    def _publish(self, store: BlobStore, artifact: Artifact, delete: bool = True) -> Artifact | None:
        """Publish a pointer, and delete the blobs that nothing points to since.

        Args:
            store: where the content is.
            delete: whether the content goes when the storage cannot tell whether it was published: None is returned.
        """
        own = [artifact.key] if artifact.key else []
        with store.undecided(artifact.key) if own else nullcontext():
            try:
                put = self.pointers.put(replace(artifact, created=time.time()))
            except (AttemptReplacedError, ArtifactError, KeyError):  # KeyError: no such study or trial
                _delete(store, own)  # certainly not published; after other errors it may be
                raise
            if put is None:
                _delete(store, own if delete else ())
                return None
            done, loose = put
            _delete(store, loose if done.key == artifact.key else [*loose, *own])
            return done

    def _verified(self, name: str) -> tuple[Artifact, BinaryIO]:
        """Return an artifact and its whole content, verified, at its beginning."""
        before: Artifact | None = None
        while True:
            artifact = self[name]
            try:
                return artifact, _verified_content(self.pointers.place()[0], artifact)
            except DamagedArtifactError:
                if before is not None and before.key == artifact.key:
                    raise
                before = artifact  # it may have been replaced since, and its old content deleted


def _refuse_taken(name: str, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{shown(str(target))} is there already; name a new folder for artifact {name!r}")


def _verified_content(store: BlobStore, artifact: Artifact) -> BinaryIO:
    """Return the whole content of an artifact, verified, at its beginning."""
    stream = store.open(artifact.key)
    try:
        if not isinstance(getattr(stream, "raw", None), io.FileIO):
            # It comes over the network: copied to where it can be read at any place, as torch.load does.
            with stream as source:
                stream = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - the reader closes it
                shutil.copyfileobj(source, stream, CHUNK_BYTES)
            stream.seek(0)
        _compare(digest_of(chunks_of(stream)), artifact)
        stream.seek(0)
        return stream
    except BaseException as error:
        stream.close()
        if isinstance(error, ArtifactError) or not isinstance(error, Exception):
            raise
        why = name_and_message(error)  # the network, a bad disk, a full one for temporary files
        raise ArtifactError(f"artifact {artifact.name!r} cannot be read from {store.url}: {why}") from error


def _compare(digest: Digest, artifact: Artifact) -> None:
    if (digest.hex, digest.size) != (artifact.digest, artifact.size):
        raise DamagedArtifactError(
            f"the content of artifact {artifact.name!r} of {_whose(artifact.number)} is not what was saved: "
            f"{digest.size} bytes, SHA-256 {digest.hex[:12]}…, in place of {artifact.size}, {artifact.digest[:12]}…. "
            "Something else changed its store"
        )


def _of_name(found: Iterable[Artifact], name: str, number: int | None) -> Artifact:
    by_name = {artifact.name: artifact for artifact in found}
    if name in by_name:
        return by_name[name]
    there = f" (there are {listing(by_name)})" if by_name else " (there are none)"
    raise ArtifactNotFoundError(f"{_whose(number)} has no artifact {shown(name)}{did_you_mean(name, by_name)}{there}")


def _whose(number: int | None) -> str:
    return "the study itself" if number is None else f"trial {number}"


def _delete(store: BlobStore, keys: Iterable[str]) -> None:
    """Delete blobs that nothing points to; what cannot be deleted now is found by ``study.artifacts.clean``."""
    for key in keys:
        with suppress(ArtifactError):
            store.delete(key)
