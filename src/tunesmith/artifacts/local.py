"""`LocalStore`: blobs as files in a folder, on this machine's disk or on one that machines share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, ClassVar
from urllib.parse import unquote, urlsplit

from tunesmith.artifacts.base import (
    Blob,
    BlobStore,
    Chunks,
    Digest,
    checked_key,
    is_key,
    new_key,
    new_temporary_key,
)
from tunesmith.errors import ArtifactError, DamagedArtifactError
from tunesmith.text import printable


class LocalStore(BlobStore):
    """Keeps blobs in a folder, which is made with the first of them.

    A blob is written under a temporary name, flushed to the disk (fsync), and then renamed.

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

    def open(self, key: str) -> BinaryIO:
        try:
            return (self.folder / checked_key(key)).open("rb")
        except FileNotFoundError:
            raise DamagedArtifactError(f"the folder {self._shown} holds no blob {key}") from None
        except OSError as error:
            raise self._failed("read a content", error) from error

    def exists(self, key: str) -> bool:
        return (self.folder / checked_key(key)).is_file()

    def delete(self, key: str) -> None:
        try:
            (self.folder / checked_key(key)).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise self._failed("delete a content", error) from error

    def blobs(self, space: str) -> Iterator[tuple[str, float]]:
        now = time.time()
        try:
            for folder in _entries(self.folder / space):
                for file in _entries(Path(folder.path)):
                    key = f"{space}/{folder.name}/{file.name}"
                    if is_key(key):  # a file of somebody else's is left alone
                        with suppress(FileNotFoundError):  # deleted meanwhile
                            yield key, now - file.stat(follow_symlinks=False).st_mtime
        except OSError as error:
            raise self._failed("list its contents", error) from error

    def drop(self, space: str) -> None:
        super().drop(space)
        top = self.folder / space
        for folder in (*(Path(entry.path) for entry in _entries(top)), top):
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


def _entries(folder: Path) -> list[os.DirEntry[str]]:
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
