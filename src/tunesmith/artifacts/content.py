"""What a user saves, as a content that can be read from its beginning: bytes, a file, a folder, an open file."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from tunesmith.artifacts.base import CHUNK, Chunks, chunks_of
from tunesmith.artifacts.folders import archive, members_of
from tunesmith.errors import ArtifactError
from tunesmith.foundation.text import message_of, shown

Savable = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]

WAYS = "bytes, the path of a file or a folder, or a file that is open in binary mode"


@dataclass(frozen=True, slots=True)
class Content:
    """A content to be saved: its bytes, and whether they are the archive of a folder."""

    chunks: Chunks
    is_folder: bool = False


@contextmanager
def content_of(name: str, given: Savable) -> Iterator[Content]:
    """Yield what was given as a content.

    Raises:
        TypeError: it is nothing that can be saved.
        FileNotFoundError: there is no such file.
        ValueError: a folder holds what cannot be saved.
    """
    what: Any = given
    if isinstance(what, bytes | bytearray | memoryview):
        whole = memoryview(what)
        view = whole.cast("B") if whole.c_contiguous else memoryview(whole.tobytes())
        yield Content(lambda: (bytes(view[at : at + CHUNK]) for at in range(0, len(view), CHUNK)))
    elif isinstance(what, str | os.PathLike):
        yield _of_path(name, Path(what))
    elif hasattr(what, "read"):
        with _rewindable(name, what) as (stream, start):
            yield Content(guarded(name, lambda: _from(stream, start)))
    else:
        raise TypeError(f"artifact {name!r}: save takes {WAYS}; got {shown(given)}")


def _of_path(name: str, path: Path) -> Content:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(
            f"artifact {name!r}: there is no file {shown(str(path))} in {Path.cwd()}; a text itself is saved as bytes: "
            "text.encode()"
        ) from None
    except (OSError, ValueError) as error:  # too long, a NUL character, no right to look
        raise _unreadable(name, path, error) from error
    if stat.S_ISDIR(mode):
        try:
            members_of(path)  # what cannot be saved is refused before anything is written
        except OSError as error:
            raise _unreadable(name, error.filename or path, error) from error
        return Content(guarded(name, lambda: archive(path)), is_folder=True)
    if not stat.S_ISREG(mode):
        raise ValueError(f"artifact {name!r}: {shown(str(path))} is neither a file nor a folder; save takes {WAYS}")
    return Content(guarded(name, lambda: _read(path)))


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from chunks_of(file)


def _from(stream: BinaryIO, start: int) -> Iterator[bytes]:
    stream.seek(start)
    return chunks_of(stream)


@contextmanager
def _rewindable(name: str, stream: Any) -> Iterator[tuple[BinaryIO, int]]:
    """Yield a stream that can be read twice, and where its content begins; one that cannot is copied to a file."""
    if not isinstance(stream.read(0), bytes):
        raise TypeError(f"artifact {name!r}: the file must be open in binary mode, as in open(path, 'rb')")
    try:
        start = stream.seek(stream.tell()) if stream.seekable() else None
    except (AttributeError, OSError, io.UnsupportedOperation):
        start = None
    if start is not None:
        yield stream, start
        return
    with tempfile.TemporaryFile() as file:
        copy: Any = file  # on Windows it is of another class, with the same methods
        try:
            shutil.copyfileobj(stream, copy, CHUNK)
        except OSError as error:
            raise _unreadable(name, "the open file", error) from error
        yield copy, 0


def guarded(name: str, chunks: Chunks) -> Chunks:
    """Return a content with errors that say that it is the source which cannot be read, and not the store."""

    def read() -> Iterator[bytes]:
        try:
            yield from chunks()
        except OSError as error:
            raise _unreadable(name, error.filename or "its source", error) from error

    return read


def _unreadable(name: str, what: object, error: Exception) -> ArtifactError:
    shown_as = what if what in ("its source", "the open file") else shown(str(what))
    return ArtifactError(f"artifact {name!r}: {shown_as} cannot be read: {message_of(error)}")
