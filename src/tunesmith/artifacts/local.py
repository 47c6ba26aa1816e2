"""`LocalStore`: blobs as files in a folder, on this machine's disk or on one that machines share."""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, cast
from urllib.parse import unquote, urlsplit

from tunesmith.artifacts.base import (
    Blob,
    BlobStore,
    Chunks,
    Digest,
    checked_blob_key,
    digest_of,
    is_key,
    new_key,
    new_temporary_key,
)
from tunesmith.artifacts.folders import archive, members_of
from tunesmith.errors import ArtifactError, DamagedArtifactError
from tunesmith.foundation.text import printable, shown
from tunesmith.foundation.worker_names import as_file_name, current_worker, is_dead, of_file_name

UNDECIDED = "undecided-"  # what the names of files begin with that name a folder, in the folders of processes
WORK = "work"  # the folder of a space with the folders of processes, which are named by these


class LocalStore(BlobStore):
    """Keeps blobs in a folder, which is made with the first of them.

    A blob is written under a temporary name, flushed to the disk (fsync), and then renamed. A folder that was written
    in the store's own place becomes a blob by being renamed.

    Args:
        folder: where; a path, or a URL "file:///path".

    Example:
        ```python
        import tunesmith
        from tunesmith.artifacts.local import LocalStore

        study = tunesmith.create_study(artifact_store=LocalStore("results/artifacts"))
        study.artifacts.save("notes.txt", b"the first of three runs")
        ```
    """

    name: ClassVar[str] = "file"

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"an artifact store is a folder or a URL; got {shown(folder)}")
        text = os.fspath(folder)
        if isinstance(folder, str) and text.startswith("file://"):
            parts = urlsplit(text)
            if parts.netloc not in ("", "localhost"):
                raise ValueError(f"a file URL has three slashes: 'file:///{parts.netloc}{parts.path}'; got {text!r}")
            text = unquote(parts.path)
            if os.name == "nt":
                text = text.lstrip("/")
        if not text or "\0" in text:
            raise ValueError(f"an artifact store is a folder or a URL; got {text!r}")
        self.folder = Path(os.path.abspath(os.path.expanduser(text)))

    @property
    def url(self) -> str:
        """The folder as an absolute path."""
        return str(self.folder)

    def put(self, space: str, chunks: Chunks) -> Blob:
        digest = Digest()
        temporary = self.folder / new_temporary_key(space)
        try:
            self._make(temporary.parent)
            try:
                with temporary.open("xb") as file:
                    for chunk in digest.through(chunks()):
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                if os.name == "posix":  # others refuse to delete a file that is read-only
                    os.chmod(temporary, temporary.stat().st_mode & ~0o222)
                key = new_key(space, digest.hex)
                self._make((self.folder / key).parent)
                os.rename(temporary, self.folder / key)
                _flush_folder((self.folder / key).parent)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise
        except OSError as error:
            raise self._failed("keep a content", error) from error
        return Blob(key, digest.hex, digest.size)

    def workspace(self, space: str) -> Path:
        own = self.folder / space / WORK / as_file_name(current_worker())
        if not own.is_dir():
            try:
                self._make(own)
            except OSError as error:
                raise self._failed("make a folder", error) from error
            atexit.register(_remove_empty, own, os.getpid())
        return own

    def take(self, space: str, folder: Path) -> Blob:
        try:
            _make_durable(folder)
            digest = digest_of(archive(folder))
            key = new_key(space, digest.hex, _process_mark(as_file_name(current_worker())))
            place = self.folder / key
            self._make(place.parent)
            os.utime(folder)  # its age counts from now
            os.rename(folder, place)
            _flush_folder(place.parent)
            if os.name == "posix":
                for _, path in members_of(place):
                    if path.is_file():
                        os.chmod(path, path.stat().st_mode & ~0o222)
        except OSError as error:
            raise self._failed("keep a folder", error) from error
        return Blob(key, digest.hex, digest.size)

    def folder_of(self, key: str) -> Path | None:
        place = self.folder / checked_blob_key(key)
        return place if place.is_dir() else None

    @contextmanager
    def undecided(self, key: str) -> Iterator[None]:
        if self.folder_of(key) is None:
            yield
            return
        # Who made the folder may have ended long ago, so that its mark tells nothing.
        note: Path | None = None
        with suppress(OSError, ArtifactError):  # a full disk, or one that cannot be written
            note = self.workspace(key.partition("/")[0]) / f"{UNDECIDED}{secrets.token_hex(8)}"
            note.write_text(key)
        try:
            yield
        except BaseException:
            if self.exists(key):
                note = None  # stays
            raise
        finally:
            if note is not None:
                note.unlink(missing_ok=True)

    def sweep(self, space: str, published: Callable[[], Set[str]]) -> None:
        work = self.folder / space / WORK
        dead = [entry.name for entry in _entries_of(work) if is_dead(of_file_name(entry.name))]
        if dead:
            marks, named = {_process_mark(name) for name in dead}, published()
            notes = (note for name in dead for note in (work / name).glob(f"{UNDECIDED}*"))
            noted = {note.read_text(errors="replace") for note in notes}
            found = [key for key, _ in self.blobs(space) if key.rpartition("-")[2][:8] in marks or key in noted]
            theirs = [key for key in found if key not in named]
            away = {key: gone for key in theirs if (gone := self._taken_away(key)) is not None}
            # A driver may be about to publish what its dead worker sent it; it looks after that whether it is there.
            named = published() if away else named
            for key, gone in away.items():
                if key in named:
                    os.rename(gone, self.folder / key)
                else:
                    shutil.rmtree(gone, ignore_errors=True)
        for name in dead:
            shutil.rmtree(work / name, ignore_errors=True)
        _remove_empty(work / as_file_name(current_worker()), os.getpid())

    def open(self, key: str) -> BinaryIO:
        try:
            if (folder := self.folder_of(key)) is not None:
                file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the reader closes it
                file.writelines(archive(folder))
                file.seek(0)
                return file
            return (self.folder / checked_blob_key(key)).open("rb")
        except FileNotFoundError:
            raise DamagedArtifactError(f"the folder {self._shown} holds no blob {key}") from None
        except OSError as error:
            raise self._failed("read a content", error) from error

    def exists(self, key: str) -> bool:
        return (self.folder / checked_blob_key(key)).exists()

    def delete(self, key: str) -> None:
        place = self.folder / checked_blob_key(key)
        try:
            if not place.is_dir():
                place.unlink(missing_ok=True)
                return
            if (gone := self._taken_away(key)) is not None:
                shutil.rmtree(gone)
        except NotADirectoryError:
            return
        except OSError as error:
            raise self._failed("delete a content", error) from error

    def _taken_away(self, key: str) -> Path | None:
        """Move a blob that is a folder to where nobody looks, all of it at once; None: somebody else was faster."""
        gone = self.workspace(key.partition("/")[0]) / f"gone-{secrets.token_hex(8)}"
        try:
            os.rename(self.folder / key, gone)
        except FileNotFoundError:
            return None
        return gone

    def blobs(self, space: str) -> Iterator[tuple[str, float]]:
        now = time.time()
        try:
            for folder in _entries_of(self.folder / space):
                for file in _entries_of(Path(folder.path)):
                    key = f"{space}/{folder.name}/{file.name}"
                    if is_key(key):  # a file of somebody else's is left alone
                        with suppress(FileNotFoundError):  # deleted meanwhile
                            yield key, now - file.stat(follow_symlinks=False).st_mtime
        except OSError as error:
            raise self._failed("list its contents", error) from error

    def drop(self, space: str) -> None:
        super().drop(space)
        top = self.folder / space
        shutil.rmtree(top / WORK, ignore_errors=True)
        for folder in (*(Path(entry.path) for entry in _entries_of(top)), top):
            with suppress(OSError):  # not empty: it holds something of somebody else's
                folder.rmdir()

    def _make(self, folder: Path) -> None:
        """Make a folder of the store, so that it outlives a power cut."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for made in reversed(missing):
            made.mkdir(exist_ok=True)
            _flush_folder(made.parent)

    @property
    def _shown(self) -> str:
        return printable(str(self.folder))

    def _failed(self, what: str, error: OSError) -> ArtifactError:
        why = error.strerror or str(error)
        return ArtifactError(
            f"the folder {self._shown} cannot {what}: {why}. Free space or repair its rights, or name another one by "
            "artifact_store="
        )


def _process_mark(worker: str) -> str:
    """Return what the keys of the folders that a process took over have in common."""
    return hashlib.sha256(worker.encode()).hexdigest()[:8]


def _remove_empty(own: Path, pid: int) -> None:
    """Remove the workspace of this process at its end, and what it stands in, if nothing is in it."""
    if os.getpid() == pid:
        with suppress(OSError):
            own.rmdir()
            own.parent.rmdir()


def _make_durable(folder: Path) -> None:
    """Flush the files of a folder, and the folder, to the disk."""
    for _, path in members_of(folder):
        if path.is_dir():
            _flush_folder(path)
        else:
            _flush_file(path)
    _flush_folder(folder)


def _flush_file(path: Path, writable: bool = os.name != "posix") -> None:
    """Make what is in a file durable; Windows does that only through a file that is open for writing."""
    if writable and not os.access(path, os.W_OK):
        return  # what nobody may write was written before
    with path.open("r+b" if writable else "rb") as file:
        os.fsync(file.fileno())


def _entries_of(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _flush_folder(folder: Path) -> None:
    """Make a rename or a new name durable, where folders can be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
