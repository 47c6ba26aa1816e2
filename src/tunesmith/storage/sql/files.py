"""Checks of files: whether one is an SQLite database, and whether it is still the one that was opened."""

from __future__ import annotations

import json
import math
import os
import shlex
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL  # noqa: TID253 - imported only when a database is named

from tunesmith.errors import StorageError
from tunesmith.storage.redact import shown_spec

# What `tunesmith import` needs to be told besides, by program.
_OPTIONS = {"Hyperopt": " --unsafe-pickle", "MLflow": " --minimize METRIC"}
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# Formats by how their files begin.
_BEGINNINGS = {
    b"\x1f\x8b": "a file compressed with gzip",
    b"PK\x03\x04": "a zip archive",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"DUCK": "a DuckDB database",
}


def take_over(place: str, program: str) -> str:
    """Return a sentence on how to bring along what another program has in a file or database.

    Args:
        place: the file or the URL, without a password.
        program: whose it is.
    """
    command = f"tunesmith import {shlex.quote(place)}{_OPTIONS.get(program, '')} --storage new.db"
    return f"To bring along what it holds: `{command}` (in Python: tunesmith.compat.read); docs/import.md tells more."


def refuse_foreign_file(path: Path) -> None:
    """Refuse a file that is there and is no SQLite database."""
    if not is_no_database(path):
        return  # or not there yet, or not to be read: SQLite finds the words
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        head = b""
    what, program = _what(head)
    how = f". {take_over(shown_spec(path), program)}" if program else ""
    raise StorageError(f"the file {shown_spec(path)} is no SQLite database{what}; choose another path{how}")


def is_no_database(path: Path) -> bool:
    """Ask SQLite whether a file is no database.

    A database must not be opened by other means, not even to read its first bytes: with the first file descriptor that
    a process closes, POSIX drops all locks that the process has on the file, those of its SQLite connections too. A
    process that ends would then take itself for the last one, and delete the write-ahead log that the others use.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB"
    return False


def _what(head: bytes) -> tuple[str, str | None]:
    """Return what a file is, by its beginning, and which program's trials it holds."""
    if head.startswith(_PICKLE):
        if b"hyperopt" in head:
            return " but trials pickled by Hyperopt", "Hyperopt"
        return " but a pickle", None
    for beginning, what in _BEGINNINGS.items():
        if head.startswith(beginning):
            return f" but {what}", None
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except ValueError:
        first = None
    if isinstance(first, dict) and "op_code" in first:
        return " but a journal file of Optuna's", "Optuna"
    if isinstance(first, dict | list) or head.lstrip()[:1] in (b"{", b"["):
        return " but JSON", None
    if b"\0" not in head and b"," in head.split(b"\n", 1)[0]:
        return " but a table as text (CSV?)", None
    return "", None


class FileIdentity:
    """Notices when a database file is deleted or replaced: what is written to it after that would be lost silently.

    Args:
        url: where the database is; a server needs no check.
        where: its name in errors.
    """

    def __init__(self, url: URL, where: str) -> None:
        path = url.database or ""
        is_file = url.get_backend_name() == "sqlite" and not path.startswith("file:")
        self._path = path if is_file else None
        self._where = where
        self._known: tuple[int, int] | None = None
        self._checked = -math.inf  # when, by the monotonic clock

    def note(self) -> None:
        """Remember which file is there, if none is remembered; called after a connection was opened."""
        if self._path is not None and self._known is None:
            self._known = self._look()

    def forget(self) -> None:
        """Forget which file was there."""
        self._known = None

    def check(self, recent: float = 0.0) -> None:
        """Raise unless the file that was opened is still there; called before each write.

        Args:
            recent: how old the last check may be, in seconds.

        Raises:
            StorageError: it was deleted, or another one has taken its place.
        """
        if self._known is None or (recent and time.monotonic() - self._checked < recent):
            return
        if (now := self._look()) == self._known:
            self._checked = time.monotonic()
            return
        happened = "was deleted" if now is None else "was replaced by another file"
        raise StorageError(
            f"{self._where} {happened} while it was in use, so nothing more is written. Put the file back where it was "
            "and go on, or load the study again to go on with what is there now"
        )

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path or "")
        except FileNotFoundError:
            return None
        except OSError:  # a drive that is away for the moment: SQLite finds the words
            return self._known
        return found.st_dev, found.st_ino
