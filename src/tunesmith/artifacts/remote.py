"""`FsspecStore`: blobs wherever fsspec reaches: S3, Google Cloud, Azure, a WebDAV folder, and so on."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, ClassVar, cast

from tunesmith.artifacts.base import Blob, BlobStore, Chunks, Digest, checked_key, is_key, new_key
from tunesmith.errors import ArtifactError, DamagedArtifactError, MissingDependencyError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import message_of, printable

HIDDEN = "***"
PART = 8 << 20  # bytes that are sent at a time; services take a content in at most 10,000 parts
MOST_PARTS = 9000
READ = 16 << 20  # bytes that are asked for at a time
# How file systems name the time of the last change in what they tell of a file.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
_HARMLESS = {"endpoint_url", "region_name", "account_name", "project", "host"}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


class FsspecStore(BlobStore):
    """Keeps blobs under a URL of fsspec's, such as "s3://bucket/folder".

    Credentials come from where the service's own tools read them (for S3: environment variables, ``~/.aws``, the role
    of the machine), or from `options`; they are not stored with the study and not shown.

    Args:
        url: where; without credentials.
        options: what fsspec's file system takes: ``{"endpoint_url": ..., "key": ..., "secret": ...}`` for S3.

    Raises:
        MissingDependencyError: fsspec, or its package for this kind of URL, is not installed.
        ValueError: it is no such URL, or holds credentials.

    Example::

        store = FsspecStore("s3://bucket/tuning", options={"endpoint_url": "https://minio.example.org"})
        study = tunesmith.create_study(storage="postgresql://user@host/name", artifact_store=store)
    """

    name: ClassVar[str] = "fsspec"

    @checked()
    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self._scheme, self._root = _checked_url(url)
        self._options = dict(options or {})
        self._secrets = sorted(_texts(self._options), key=len, reverse=True)
        self._open_here()
        self.files()  # what is missing is said at once

    def _open_here(self) -> None:
        self._files: Any = None
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The URL that was given."""
        return f"{self._scheme}://{self._root}"

    def files(self) -> Any:
        """Return fsspec's file system, one for each process."""
        with self._lock:
            if self._pid != os.getpid():  # a connection does not survive a fork
                self._files = self._made()
                self._pid = os.getpid()
            return self._files

    def put(self, space: str, chunks: Chunks) -> Blob:
        first = Digest()
        for _ in first.through(chunks()):
            pass
        key = new_key(space, first.hex)
        path, again = self._path(key), Digest()
        with self._errors("keep a content"):
            try:
                try:
                    self._write(path, again.through(chunks()), first.size)
                except FileNotFoundError:
                    self._make_folders(path)
                    again = Digest()
                    self._write(path, again.through(chunks()), first.size)
                if again.hex != first.hex:
                    raise ArtifactError("the content changed while it was being saved; save it when nothing writes it")
                size = self.files().info(path).get("size")
                if size not in (None, first.size):
                    raise ArtifactError(f"{self._shown} kept {size} of {first.size} bytes")
            except BaseException:
                self._try_to_delete(path)
                raise
        return Blob(key, first.hex, first.size)

    def open(self, key: str) -> BinaryIO:
        with self._errors("read a content"):
            try:
                return cast(BinaryIO, self.files().open(self._path(key), "rb", block_size=READ))
            except FileNotFoundError:
                raise DamagedArtifactError(f"{self._shown} holds no blob {key}") from None

    def exists(self, key: str) -> bool:
        with self._errors("look for a content"):
            self.files().invalidate_cache()
            return bool(self.files().exists(self._path(key)))

    def delete(self, key: str) -> None:
        with self._errors("delete a content"):
            self._delete(self._path(key))

    def blobs(self, space: str) -> Iterator[tuple[str, float]]:
        with self._errors("list its contents"):
            self.files().invalidate_cache()
            try:
                found = self.files().find(f"{self._top}/{space}", detail=True)
            except FileNotFoundError:
                return
            now = time.time()
            ages = [("/".join(path.split("/")[-3:]), _age(info, now)) for path, info in found.items()]
        yield from ((key, age) for key, age in ages if is_key(key))

    # -- inside ------------------------------------------------------------------------------------------------

    @property
    def _top(self) -> str:
        return str(self.files()._strip_protocol(self.url)).rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._top}/{checked_key(key)}"

    def _write(self, path: str, chunks: Iterable[bytes], size: int) -> None:
        with self.files().open(path, "wb", block_size=max(PART, size // MOST_PARTS + 1)) as file:
            for chunk in chunks:
                file.write(chunk)

    def _make_folders(self, path: str) -> None:
        """Make the folders of a path, where there are such things; a bucket that does not exist is not made."""
        parts = path.split("/")
        for n in range(2, len(parts)):
            with suppress(FileExistsError):
                self.files().mkdir("/".join(parts[:n]), create_parents=False)

    def _delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self.files().rm_file(path)

    def _try_to_delete(self, path: str) -> None:
        with suppress(Exception):  # nobody knows of it; `clean` finds it
            self._delete(path)

    @property
    def _shown(self) -> str:
        return printable(self.url)

    def _made(self) -> Any:
        try:
            import fsspec
        except ImportError:
            raise MissingDependencyError(
                f"artifacts at {self._shown} need fsspec: pip install fsspec, and a package for the service (s3fs for "
                "s3://)"
            ) from None
        try:
            kind = fsspec.get_filesystem_class(self._scheme)
        except ImportError as error:
            raise MissingDependencyError(f"artifacts at {self._shown} need another package: {error}") from None
        except ValueError:
            some = ", ".join(f"{s}://" for s in ("s3", "gs", "abfs", "file"))
            raise ValueError(
                f"artifact_store={self._shown!r}: fsspec knows no {self._scheme}://; it knows {some} and others"
            ) from None
        with self._errors("be opened"):
            return kind(**self._options)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Turn whatever a file system raises into an ArtifactError without secrets."""
        try:
            yield
        except ArtifactError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {message_of(error)}"
            for secret in self._secrets:
                text = text.replace(secret, HIDDEN)
            raise ArtifactError(
                f"{self._shown} cannot {what}: {text}. Is the place right, is it reachable, and are the credentials "
                "there?"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        # With the options: a worker process has to reach the store, too.
        return {"_scheme": self._scheme, "_root": self._root, "_options": self._options, "_secrets": self._secrets}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_here()


def _checked_url(url: Any) -> tuple[str, str]:
    """Return the scheme and the rest of a URL.

    Raises:
        ValueError: it is none, is a chain of them, or holds credentials, which would be stored with the study.
    """
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise ValueError("an artifact store is a folder or a URL such as 's3://bucket/folder'")
    scheme, root = found.group(1).lower(), found.group(2).rstrip("/")
    host = root.partition("/")[0]
    if "@" in host or "?" in root or "#" in root:
        raise ValueError(
            f"artifact_store={scheme}://{HIDDEN}: the URL is stored with the study, and must not hold a user, a "
            "password or options. Give them by the service's environment variables, or as "
            "artifact_store=FsspecStore(url, options={...}) (tunesmith.artifacts)"
        )
    if "::" in root or not root:
        raise ValueError(f"artifact_store={scheme}://{root!r}: name one place, such as {scheme}://bucket/folder")
    return scheme, root


def _texts(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may be a secret: all texts but those that are harmless, and short ones, which are parts of words."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _texts(value)
        elif isinstance(value, str) and len(value) > 3 and (name not in _HARMLESS or "@" in value):
            yield value


def _age(info: Mapping[str, Any], now: float) -> float:
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, datetime):
            return now - (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, str):
            try:
                return now - datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
        if isinstance(value, int | float):
            return now - float(value)
    return 0.0
