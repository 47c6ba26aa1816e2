"""Keys in files that the user alone can read: so processes of one user know each other on machines that share files."""

from __future__ import annotations

import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

from tunesmith.errors import KeyFileError

BYTES = 32


def key_folder() -> Path:
    """Return the folder for keys in the user's home, which the machines of a cluster share as a rule."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "tunesmith" / "keys"


def write_key(folder: Path | None) -> tuple[bytes, Path]:
    """Draw a key and write it to a file of mode 0600.

    Args:
        folder: where; made where it is not there. None: this machine's folder for temporary files.

    Returns:
        The key and its file, which is to be removed when it is used no more.

    Raises:
        KeyFileError: it cannot be written, or others could read it there.
    """
    key = secrets.token_bytes(BYTES)
    try:
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, name = tempfile.mkstemp(prefix="tunesmith-", suffix=".key", dir=folder)
    except OSError as error:
        raise KeyFileError(
            f"the key for tasks cannot be written to {folder}: {error.strerror}; give key_folder= a folder that this "
            "process can write and its tasks can read"
        ) from error
    path = Path(name)
    try:
        with open(file, "wb") as opened:
            _check_private(opened.fileno(), path)
            opened.write(key)
    except BaseException:
        path.unlink()
        raise
    return key, path


def read_key(path: Path) -> bytes:
    """Return the key in a file.

    Args:
        path: the file.

    Raises:
        KeyFileError: it cannot be read, is not this user's, or others can read it: then it may be known, or theirs.
    """
    try:
        # No links, which somebody else may have made; and no waiting for what is no file.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
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
    if sys.platform == "win32":  # there a user's folders keep others out, and files have no mode
        return
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise KeyFileError(
            f"others can read or write the key file {path} (mode {stat.S_IMODE(found.st_mode):04o}, owner "
            f"{found.st_uid}); give key_folder= a folder whose file system keeps the mode 0600"
        )
