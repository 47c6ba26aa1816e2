"""Keys in files that the user alone can read: so processes of one user know each other on machines that share files."""

from __future__ import annotations

import os
import re
import secrets
import socket
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tunesmith.errors import KeyFileError
from tunesmith.system import PLAIN, lock

BYTES = 32
NEW = 60.0  # seconds for which a key file is left alone, whoever made it


def key_folder() -> Path:
    """Return the folder for keys in the user's home, which the machines of a cluster share as a rule."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "tunesmith" / "keys"


class KeyFile:
    """A key that was drawn at random, in a file of mode 0600.

    While its process lives, the file is locked. So the next one on this machine knows the files of those that were
    killed, and removes them.

    Args:
        folder: where; made where it is not there. None: this machine's folder for temporary files.

    Attributes:
        key: the key.
        path: the file.

    Raises:
        KeyFileError: it cannot be written, or others could read it there.
    """

    def __init__(self, folder: Path | None) -> None:
        self.key = secrets.token_bytes(BYTES)
        beginning = f"tunesmith-{re.sub('[^A-Za-z0-9.]', '-', socket.gethostname())}-"
        try:
            if folder is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_left(Path(tempfile.gettempdir()) if folder is None else folder, beginning)
            self._file, name = tempfile.mkstemp(prefix=beginning, suffix=".key", dir=folder)
        except OSError as error:
            raise KeyFileError(
                f"the key for tasks cannot be written to {folder}: {error.strerror}; give key_folder= a folder that "
                "this process can write and its tasks can read"
            ) from error
        self.path = Path(name)
        try:
            lock(self._file)
            _check_private(self._file, self.path)
            os.write(self._file, self.key)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove the file: the key is used no more."""
        os.close(self._file)  # first: Windows deletes no file that is open
        self.path.unlink(missing_ok=True)


def _remove_left(folder: Path, beginning: str) -> None:
    """Remove the key files that processes of this machine have left, where locks tell."""
    for path in folder.glob(f"{beginning}*.key"):
        with suppress(OSError):  # another user's, or removed by now
            if time.time() - path.stat().st_mtime < NEW:
                continue  # it may not be locked yet
            file = os.open(path, os.O_RDWR | PLAIN)
            try:
                is_left = lock(file)
            finally:
                os.close(file)
            if is_left:
                path.unlink()


def read_key(path: Path) -> bytes:
    """Return the key in a file.

    Args:
        path: the file.

    Raises:
        KeyFileError: it cannot be read, is not this user's, or others can read it: then it may be known, or theirs.
    """
    try:
        # No links, which somebody else may have made; and no waiting for what is no file.
        file = os.open(path, os.O_RDONLY | PLAIN)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from error
    try:
        _check_private(file, path)
        key = os.read(file, BYTES + 1)
    finally:
        os.close(file)
    if len(key) != BYTES:
        raise KeyFileError(f"the key file {path} holds no key")
    return key


def _check_private(file: int, path: Path) -> None:
    if not hasattr(os, "geteuid"):  # Windows: there a user's folders keep others out, and files have no mode
        return
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise KeyFileError(
            f"others can read or write the key file {path} (mode {stat.S_IMODE(found.st_mode):04o}, owner "
            f"{found.st_uid}); give key_folder= a folder whose file system keeps the mode 0600"
        )
