"""Checks of files: is one an SQLite database, and is it still as it was opened? Else it is copied while it can be."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL  # noqa: TID253 - imported only when a database is named

from tunesmith import registry
from tunesmith.errors import StorageError
from tunesmith.storage.redact import shown_spec


def refuse_foreign_file(path: Path) -> None:
    """Refuse a file that is there and is no SQLite database."""
    if not is_no_database(path):
        return  # or not there yet, or not to be read: SQLite finds the words
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        head = b""
    what, program = registry.guide("file")(head)
    but = f" but {what}" if what else ""
    how = f". {registry.guide('import')(shown_spec(path), program)}" if program else ""
    raise StorageError(f"the file {shown_spec(path)} is no SQLite database{but}; choose another path{how}")


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


# Seconds for which a check of the file holds: so few that the log is not filled meanwhile, whose checkpoint would hide
# what happened. And the same for reports, which may be many; the end of their trial checks again.
MOMENT, SELDOM = 0.005, 1.0
Look = tuple[int, int, int, int]  # device, inode, size, time of the last change


@dataclass(frozen=True, slots=True)
class _Content:
    """What tells one file from another: its mark, and the seed and time of creation of its studies by their ids."""

    mark: int = 0
    studies: dict[int, tuple[int, float]] = field(default_factory=dict)


class FileWatch:
    """Notices when a database file is deleted, replaced, overwritten or cut off: what is written then would be lost.

    While a process has the file open, SQLite neither deletes its write-ahead log nor makes it shorter, and writes to
    the file itself in checkpoints alone. So a call of `stat` for each tells that all is well, and the content is looked
    at only after a checkpoint. The log is checked before each write: one that was cut off has its length again after
    it. The file is not, if that was done just now. So a trial costs no more calls than it has transactions.

    Between two checkpoints that readers cut short the file alone is in no state of its own: only its first page can be
    told to be ours.

    Args:
        url: where the database is; a server needs no watch.
        where: its name in errors.
    """

    def __init__(self, url: URL, where: str) -> None:
        path = url.database or ""
        self.path = path if url.get_backend_name() == "sqlite" and not path.startswith("file:") else None
        self._where = where
        self._file: Look | None = None
        self._log: Look | None = None  # None: there is no write-ahead log, for the file system cannot do it
        self._content = _Content()
        self._looked = (-math.inf, 0.0)  # when the content was looked at, and how long it took
        self._checked = -math.inf  # when both were checked, by the monotonic clock
        self._checked_file = -math.inf  # when the file was

    def note(self, alone: bool) -> None:
        """Remember what is there; called after a connection was opened.

        Args:
            alone: whether it is the only one here, so that SQLite may have made a new log.
        """
        if self.path is None or not (alone or self._file is None):
            return
        found, log = _look(self.path, self._file), _look(f"{self.path}-wal", self._log)
        if self._file is None or (found is not None and found[:2] == self._file[:2]):
            self._file = found
        # A log begins after the last change of its file; SQLite deletes an older one, which an earlier file left.
        is_left = found is not None and log is not None and log[2] == 0 and log[3] < found[3]
        self._note_log(None if is_left else log)

    def _note_log(self, log: Look | None) -> None:
        self._log = log
        if log is not None:
            self._content = _content(self.path or "") or self._content

    def forget(self) -> None:
        """Forget which file was there."""
        self._file = None

    def check(self, recent: float = 0.0, brief: bool = False) -> str:
        """Return what happened to the file, in words; "": nothing. Called before each write.

        Args:
            recent: how old the last check may be, in seconds.
            brief: whether the write is one of many that do not end a trial, such as a report.
        """
        now = time.monotonic()
        if self._file is None or now - self._checked < recent:
            return ""
        happened = ""
        if now - self._checked_file > (SELDOM if brief else MOMENT):
            happened = self._check_file(self._file)
        happened = happened or self._check_log()
        if not happened:
            self._checked = now
        return happened

    def check_after_error(self) -> str:
        """Check both, whenever that was done last: SQLite has found something wrong."""
        self._checked_file = -math.inf
        return self.check()

    def _check_file(self, known: Look) -> str:
        found = _look(self.path or "", known)
        if found is None:
            return f"{self._where} was deleted"
        if found[:2] != known[:2]:
            return f"{self._where} was replaced by another file"
        shorter = found[2] < known[2]
        if self._log is not None and found != known and (shorter or self._may_look()):
            start = time.monotonic()
            if not _holds(lambda: self._is_ours(shorter)):
                return f"{self._where} was {'cut off' if shorter else 'overwritten'}"
            self._file, self._looked = found, (time.monotonic(), time.monotonic() - start)
        self._checked_file = time.monotonic()
        return ""

    def _check_log(self) -> str:
        log = _look(f"{self.path}-wal", self._log)
        if self._log is None:
            self._note_log(log)  # SQLite makes it with the first transaction
            return ""
        if log is None or log[:2] != self._log[:2]:
            return f"the write-ahead log of {self._where} was {'deleted' if log is None else 'replaced'}"
        if log[2] < self._log[2] and not _holds(self._is_readable):  # another program may make it shorter
            return f"the write-ahead log of {self._where} was cut off"
        self._log = log
        return ""

    def _may_look(self) -> bool:
        """Return whether a look at the content is due: where every commit makes a checkpoint, it must stay cheap."""
        when, took = self._looked
        return time.monotonic() - when > 10.0 * min(took, 0.001)

    def _is_readable(self) -> bool:
        """Return whether a new connection can read what was written last."""
        return _content(self.path or "") is not None

    def _is_ours(self, shorter: bool) -> bool:
        """Return whether the file, alone and with its log, is the one that was opened."""
        path, known = self.path or "", self._content
        seen, alone = _content(path), _mark(path)
        if seen is None or alone is None or os.path.getsize(path) == 0 or (shorter and not _is_sound(path)):
            return False
        other = any(seen.studies[i] != kept for i, kept in known.studies.items() if i in seen.studies)
        if other or (known.mark and seen.mark != known.mark) or alone not in (seen.mark, 0):
            return False
        self._content = seen
        return True

    def rescue(self, driver: sqlite3.Connection) -> str | None:
        """Write what an open connection still has into a new file beside the old one; return its name.

        Args:
            driver: the connection; no transaction is open.

        Returns:
            the path; None: it cannot be read, or nothing can be written there.
        """
        for i in range(1, 100):
            place = f"{self.path}.rescue-{i}.db"
            try:
                os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            except OSError:
                return None
            try:
                driver.execute("VACUUM INTO ?", (place,))
                if _is_sound(place) and (found := _content(place)) is not None and found.studies:
                    return place
            except sqlite3.Error:
                pass
            os.unlink(place)
            return None
        return None


def _look(path: str, before: Look | None) -> Look | None:
    """Return what a file is now, in one call, for each write makes it; None: it is not there.

    Args:
        path: the file.
        before: what it was.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:  # a drive that is away for the moment: SQLite finds the words
        return before
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _holds(condition: Callable[[], bool]) -> bool:
    """Return whether a condition holds, now or in a moment: a checkpoint of another process may be under way."""
    for pause in (0.02, 0.05, 0.1, 0.2, 0.4):
        if condition():
            return True
        time.sleep(pause)
    return condition()


def _open(path: str, how: str = "mode=ro") -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{Path(path).as_uri()}?{how}", uri=True))


def _content(path: str) -> _Content | None:
    """Return what is in a file as connections see it; None: it cannot be read."""
    try:
        with _open(path) as connection:
            (mark,) = connection.execute("PRAGMA user_version").fetchone()
            try:
                rows = connection.execute("SELECT id, seed, created FROM tunesmith_studies").fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                rows = []
            return _Content(mark, {row[0]: row[1:] for row in rows})
    except sqlite3.Error:
        return None


def _mark(path: str) -> int | None:
    """Return the mark in the first page of a file, without its log; None: it is no database."""
    try:
        with _open(path, "immutable=1") as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        return None if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB" else 0


def _is_sound(path: str) -> bool:
    """Return whether SQLite finds nothing wrong with a file."""
    try:
        with _open(path) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False
