"""What the failure of a statement means: when to run its transaction again, and what to tell the user."""

from __future__ import annotations

import random
import re
import time
from enum import Enum
from typing import Any

from tunesmith.errors import StorageError, StorageUnavailableError


class RowIsThereError(StorageError):
    """A row of this key is there already: another process wrote it at the same time."""


_random = random.SystemRandom()  # the state of Python's own generator belongs to the user


class Fault(Enum):
    """What the failure of a statement means for the transaction that it was in."""

    FINAL = "it would fail again"
    LOCKED = "others hold a lock, or made it roll back"
    FULL = "the server takes no connection at the moment"
    LOST = "the server cannot be reached, or ended the connection"


# Of a kind of fault: the first pause between two tries, and the longest, in seconds. A transaction takes 50 to 500
# microseconds, and a server some seconds to start.
_PAUSES = {Fault.LOCKED: (0.00005, 0.01), Fault.FULL: (0.02, 1.0), Fault.LOST: (0.02, 2.0)}


class Retry:
    """Decides how long and how often to try again. Pauses are random, so that nobody always comes last.

    Args:
        timeout: how long to wait in all while others are in the way, in seconds.
        patience: how long to wait in all for a server that is away, in seconds; the first try is made at once.
    """

    def __init__(self, timeout: float, patience: float) -> None:
        now = time.monotonic()
        self._ends = {Fault.LOCKED: now + timeout, Fault.FULL: now + timeout, Fault.LOST: now + patience}
        self._tries: dict[Fault, int] = {}
        self._fault = Fault.LOCKED

    @property
    def was_lost(self) -> bool:
        """Whether a connection was lost, so that what was sent last may have been done."""
        return Fault.LOST in self._tries

    def goes_on(self, fault: Fault) -> bool:
        """Return whether to try again after a failure."""
        if fault is Fault.FINAL:
            return False
        tried = self._tries[fault] = self._tries.get(fault, 0) + 1
        self._fault = fault
        # The server may have closed an idle connection, or all of them: one new connection is always tried.
        return time.monotonic() < self._ends[fault] or (fault is Fault.LOST and tried == 1)

    def wait(self) -> None:
        """Pause, a little longer each time."""
        tried = self._tries.get(self._fault, 1)
        if self._fault is Fault.LOST and tried == 1:
            return
        first, longest = _PAUSES[self._fault]
        time.sleep(_random.uniform(0.0, min(first * 2.0 ** min(tried, 20), longest)))


# By the beginning of SQLite's error names (https://www.sqlite.org/rescode.html); the first that fits counts.
_SQLITE = {
    "SQLITE_NOTADB": "{where} is no SQLite database; choose another path, or move the file away",
    "SQLITE_CORRUPT": "{where} is damaged ({error}); restore a copy, or save what can be read with "
    "`sqlite3 FILE .recover`",
    "SQLITE_FULL": "{where} cannot grow: the disk is full. What was finished before is safe; free some space and go on",
    "SQLITE_IOERR_SHM": "{where} cannot be shared between processes ({error}): the disk is full, or its file system "
    "has no shared memory (a network drive?). Free some space, use a local disk, or a PostgreSQL server",
    "SQLITE_IOERR": "{where} cannot be read or written ({error}); is the disk full, or the drive gone? What was "
    "finished before is safe",
    "SQLITE_READONLY": "{where} is read-only for this user; change the permissions of the file and of its folder, or "
    "copy it to a place where you may write",
    "SQLITE_PERM": "{where} may not be opened by this user; change the permissions of the file and of its folder",
    "SQLITE_CANTOPEN": "{where} cannot be opened ({error}); may this user read and write the file and its folder? "
    "SQLite makes files beside it even to read it: copy it to a place where you may write, if you may not do so there",
    "SQLITE_BUSY": "{where} is locked by another program for more than {timeout:g} s; close the program that writes to "
    "it (a database browser with unsaved changes?), or open it with SQLStorage(..., timeout=...) to wait longer",
    "SQLITE_LOCKED": "{where} is locked by another program for more than {timeout:g} s",
    "SQLITE_PROTOCOL": "{where} is locked by another program for more than {timeout:g} s",
    "SQLITE_TOOBIG": "{where} cannot keep a value this long ({error})",
}
# Errors that may be over in a moment: a lock, a full disk, a network drive that is away, too many open files.
_PASSING = tuple(
    f"SQLITE_{name}" for name in ("FULL", "IOERR", "CANTOPEN", "BUSY", "LOCKED", "PROTOCOL", "NOMEM", "INTERRUPT")
)


def broke_off(text: str) -> bool:
    """Return whether an error at the start of a connection says that the other side was there, and broke off."""
    said = "closed the connection|EOF|reset by peer|Lost connection|gone away|Broken ?[pP]ipe"
    return re.search(said, text) is not None


def explained_error(
    error: BaseException, text: str, where: str, timeout: float, dbapi: Any, fault: Fault = Fault.FINAL
) -> Exception:
    """Return the exception to raise in place of a driver's.

    Args:
        text: what it says, without secrets.
    """
    name = getattr(error, "sqlite_errorname", "")
    for beginning, words in _SQLITE.items():
        if name.startswith(beginning):
            kind = StorageUnavailableError if name.startswith(_PASSING) else StorageError
            return kind(words.format(where=where, error=text, timeout=timeout))
    if fault is Fault.LOCKED:
        return StorageUnavailableError(f"{where} is locked by another program for more than {timeout:g} s ({text})")
    if isinstance(error, UnicodeDecodeError) or "Could not decode to UTF-8" in text or "malformed" in text:
        return StorageError(_SQLITE["SQLITE_CORRUPT"].format(where=where, error=text))
    if isinstance(error, (dbapi.DataError, OverflowError, UnicodeError)):
        return ValueError(f"{where} cannot keep a value: {text}")
    if name == "SQLITE_ERROR" and "no such column" in text:
        return StorageError(f"{where} has other tables than this version writes ({text}); was it edited or damaged?")
    if name == "SQLITE_ERROR" and "no such table" in text:
        return StorageError(f"{where} has lost its tables ({text}); was the file replaced while it was in use?")
    if isinstance(error, dbapi.IntegrityError):
        return RowIsThereError(f"{where} cannot be used: {text}")
    passes = fault is not Fault.FINAL or _may_pass(error, name, dbapi)
    kind = StorageUnavailableError if passes else StorageError
    return kind(f"{where} cannot be used: {text}")


def _may_pass(error: BaseException, name: str, dbapi: Any) -> bool:
    """Return whether a driver's error that has no words of its own here may be over in a moment."""
    if name:
        return name.startswith(_PASSING)
    # A server that is away or ends the connection; what is wrong with a statement or its data is none of these.
    return isinstance(error, (dbapi.OperationalError, dbapi.InterfaceError, OSError))
