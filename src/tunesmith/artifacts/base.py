"""`BlobStore`: the contract of a store of blobs, and when its methods are called.

A blob is a content that never changes. It is put under a key that no other blob has or will have, which is why nothing
has to be locked: a blob that nobody has published yet is known to its writer alone, and one that no pointer names can
never be named again. `put` comes first; the pointer is published after it; `delete` follows when no pointer is left.

A new store is one subclass of `BlobStore`, one line in `foundation/registry.py` (or an entry point), and a test class
derived from `tunesmith.testing.BlobStoreConformance` that supplies the fixture `store`. Its name in the registry is the
scheme of its URLs.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, DamagedArtifactError

CHUNK_BYTES = 1 << 20  # bytes that are held in memory at a time
# space/ab/abcdef...-nonce: the digest is in the name, so that a blob can be checked without its pointer.
_BLOB_KEY = re.compile(r"[0-9a-z]{1,64}/(?:[0-9a-f]{2}/[0-9a-f]{64}-[0-9a-f]{16}|tmp/[0-9a-f]{16})")

Chunks = Callable[[], Iterable[bytes]]  # the content from its beginning, each time it is called


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that was put: its key, the SHA-256 of its content in hexadecimal digits, and its size in bytes."""

    key: str
    digest: str
    size: int


class BlobStore(ABC):
    """Keeps blobs. All methods may be called by several threads and processes, on several machines.

    Keys have the form ``space/ab/digest-nonce``; ``space`` is one for each study, so that studies of several databases
    may share a store. A store can be pickled. Its methods raise ArtifactError if they cannot do their work.

    Attributes:
        name: its name in the registry, and the scheme of its URLs.
    """

    name: ClassVar[str] = ""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is, as `tunesmith.artifacts.open_store` takes it; stored with studies, so it holds no secret."""

    @abstractmethod
    def put(self, space: str, chunks: Chunks) -> Blob:
        """Keep a content; durable on return.

        It is read piece by piece. A call that raises leaves nothing, or a blob that nobody knows of.

        Args:
            space: the first part of the key.
            chunks: gives the content, each time it is called.

        Returns:
            its key, digest and size.
        """

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """Open a blob to be read from its beginning.

        Raises:
            DamagedArtifactError: there is no such blob.
        """

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Tell whether there is such a blob."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a blob; one that is not there is ignored."""

    @abstractmethod
    def blobs(self, space: str) -> Iterator[tuple[str, float]]:
        """Yield the key of everything in a space, what an interrupted `put` left too, with the seconds since its end.

        What the store cannot tell the age of is 0 seconds old.
        """

    def workspace(self, space: str) -> Path | None:
        """Return a folder of this process's own, from which `take` takes folders over; None: the store has none.

        It is called before a folder is written. What is in it when the process dies is removed by `sweep`.
        """
        return None

    def take(self, space: str, folder: Path) -> Blob:
        """Keep a folder by taking it over: it is gone from its place, and nothing is copied; durable on return.

        Args:
            space: the first part of the key.
            folder: it, in the `workspace` of this process or among the blobs of the space; without symbolic links.

        Returns:
            the key, and the digest and size of the folder's archive, which `open` gives.

        Raises:
            ArtifactError: it cannot be kept; it is in its place still.
            ValueError: it holds what cannot be saved.
        """
        raise ArtifactError(f"{self!r} takes no folders over")

    def folder_of(self, key: str) -> Path | None:
        """Return the folder that a blob is kept as, for reading alone; None: it is not a folder on this machine."""
        return None

    def undecided(self, key: str) -> AbstractContextManager[None]:
        """Return a context in which the storage is asked to name a blob, or to name it no more.

        A process that dies in it, or leaves it by an error, may leave a blob without a name; `sweep` finds those
        that are folders.
        """
        return nullcontext()

    def sweep(self, space: str, published: Callable[[], Set[str]]) -> None:  # noqa: B027 - for most there is no work
        """Remove what processes that are certainly dead left in their workspaces, or took over, or had `undecided`.

        Args:
            space: where.
            published: gives the keys that pointers name; called after the dead were found, if there are any.
        """

    def drop(self, space: str) -> None:
        """Delete everything in a space: its study was deleted."""
        for key, _ in list(self.blobs(space)):
            self.delete(key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


def new_key(space: str, digest: str, mark: str = "") -> str:
    """Return a key for a content that no other blob has.

    Args:
        space: its first part.
        digest: of the content.
        mark: eight hexadecimal digits by which it can be told who made it.
    """
    return f"{space}/{digest[:2]}/{digest}-{mark}{secrets.token_hex(4 if mark else 8)}"


def new_temporary_key(space: str) -> str:
    """Return a key for a content whose digest is not known yet."""
    return f"{space}/tmp/{secrets.token_hex(8)}"


def is_key(text: str) -> bool:
    """Tell whether a text has the form of a key."""
    return _BLOB_KEY.fullmatch(text) is not None


def checked_blob_key(key: str) -> str:
    """Return a key; one that a damaged database gave must not lead out of the store.

    Raises:
        DamagedArtifactError: it is not a key.
    """
    if not is_key(key):
        raise DamagedArtifactError(f"{key!r:.120} is not the key of a blob; was the database changed by hand?")
    return key


class Digest:
    """The SHA-256 and the size of what passes through it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks as they are, and take them into account."""
        for chunk in chunks:
            self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def hex(self) -> str:
        """The digest as 64 hexadecimal digits."""
        return self._hash.hexdigest()


def digest_of(chunks: Iterable[bytes]) -> Digest:
    """Return the digest of a content."""
    digest = Digest()
    for _ in digest.through(chunks):
        pass
    return digest


def chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of a stream, piece by piece."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


class Pointers(Protocol):
    """What keeps the pointers of a study: its storage, or a channel to the process that has it."""

    def place(self) -> tuple[BlobStore, str]:
        """Return the store of the study's blobs, and the space that is the study's own there."""

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Publish a pointer in the place of the one of this name; see `tunesmith.storage.Storage.put_artifact`."""

    def all(self, number: int | None) -> list[Artifact]:
        """Return the artifacts of a trial, or of the study itself."""

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove a pointer; return the blobs that none points to any more."""
