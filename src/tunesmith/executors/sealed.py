"""Messages between two ends that know a key: nothing that others sent, changed, repeated or sent back is read.

Whoever connects begins: it sends 32 random bytes, and the other end answers with 32 of its own and their tag; then the
first shows that it knows the key too, and says which trial it runs. All of this has a fixed size. From the key and the
bytes of both, each direction gets a key of its own for this connection. A message is its length and a tag of that, and
then the bytes and a tag of these; each tag covers how many messages went before. So a length is believed, and memory
taken for it, only when the other end wrote it, and a message is handed on only when it is the next one and whole.

A tag is HMAC-SHA-256. Messages are not encrypted.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import socket
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tunesmith.errors import KeyFileError
from tunesmith.foundation.system import PLAIN_OPEN_FLAGS, lock

KEY = 32  # bytes of a key, of random bytes, and of a tag
MAGIC = b"tunesmith-2\n"  # what a connection begins with
HELLO = len(MAGIC) + KEY  # bytes of each step of the handshake
WELCOME = 2 * KEY
PROOF = 8 + KEY
LARGEST = 64 * 1024 * 1024  # bytes of a message
_NUMBER, _LENGTH = struct.Struct(">q"), struct.Struct(">I")
HEAD = _LENGTH.size + KEY


class RefusedError(Exception):
    """The other end does not know the key, or what came from it was changed on the way."""


def _tag(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "sha256")


def _check(given: bytes, key: bytes, *parts: bytes) -> None:
    if not hmac.compare_digest(given, _tag(key, *parts)):
        raise RefusedError("a tag is wrong: the other end does not know the key")


class Sender:
    """One direction of a connection, where messages leave.

    Args:
        key: of this direction.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._sent = 0

    def seal(self, message: bytes) -> bytes:
        """Return the bytes to be sent for the next message.

        Raises:
            ValueError: it is too large.
        """
        if len(message) > LARGEST:
            raise ValueError(f"a message has {len(message):,} bytes, and {LARGEST:,} are the most")
        length, count = _LENGTH.pack(len(message)), _NUMBER.pack(self._sent)
        self._sent += 1
        head = _tag(self._key, b"length", count, length)
        return b"".join([length, head, message, _tag(self._key, b"bytes", count, message)])


class Receiver:
    """One direction of a connection, where messages arrive.

    Args:
        key: of this direction.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._read = 0
        self._buffer = bytearray()
        self._length: int | None = None  # of the message that is arriving, once that is known

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in bytes, cut anywhere; give each message that is whole.

        Raises:
            RefusedError: these are not the bytes that the other end sent, or not in this place.
        """
        self._buffer += data
        while True:
            if self._length is None:
                if len(self._buffer) < HEAD:
                    return
                head = bytes(self._buffer[:HEAD])
                length = head[: _LENGTH.size]
                _check(head[_LENGTH.size :], self._key, b"length", _NUMBER.pack(self._read), length)
                (self._length,) = _LENGTH.unpack(length)
                if self._length > LARGEST:
                    raise RefusedError(f"a message of {self._length:,} bytes; {LARGEST:,} are the most")
                del self._buffer[:HEAD]
            if len(self._buffer) < self._length + KEY:
                return
            message = bytes(self._buffer[: self._length])
            tag = bytes(self._buffer[self._length : self._length + KEY])
            _check(tag, self._key, b"bytes", _NUMBER.pack(self._read), message)
            del self._buffer[: self._length + KEY]
            self._length, self._read = None, self._read + 1
            yield message


class Caller:
    """The handshake of who connects.

    Args:
        key: the key.
        number: of its trial.
    """

    def __init__(self, key: bytes, number: int) -> None:
        self._key, self._number = key, number
        self._mine = secrets.token_bytes(KEY)

    def hello(self) -> bytes:
        """Return what is sent first."""
        return MAGIC + self._mine

    def prove(self, welcome: bytes) -> tuple[bytes, Sender, Receiver]:
        """Check the answer to it; return what is sent then, and the two directions.

        Args:
            welcome: `WELCOME` bytes.

        Raises:
            RefusedError: the other end does not know the key.
        """
        theirs, tag = welcome[:KEY], welcome[KEY:]
        both = self._mine + theirs
        _check(tag, self._key, b"driver knows the key", both)
        number = _NUMBER.pack(self._number)
        proof = number + _tag(self._key, b"task knows the key", both, number)
        return proof, Sender(_task_key(self._key, both)), Receiver(_driver_key(self._key, both))


class Called:
    """The handshake of who is connected to."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._mine = secrets.token_bytes(KEY)
        self._both = b""

    def welcome(self, hello: bytes) -> bytes:
        """Return the answer to what came first.

        Args:
            hello: `HELLO` bytes.

        Raises:
            RefusedError: it is something else.
        """
        if hello[: len(MAGIC)] != MAGIC:
            raise RefusedError("this is no task of tunesmith, or one of another version")
        self._both = hello[len(MAGIC) :] + self._mine
        return self._mine + _tag(self._key, b"driver knows the key", self._both)

    def admit(self, proof: bytes) -> tuple[int, Sender, Receiver]:
        """Check what came then; return the number of the trial, and the two directions.

        Args:
            proof: `PROOF` bytes.

        Returns:
            The number, and what seals and opens messages from then on.

        Raises:
            RefusedError: the other end does not know the key.
        """
        number, tag = proof[: _NUMBER.size], proof[_NUMBER.size :]
        _check(tag, self._key, b"task knows the key", self._both, number)
        return (
            _NUMBER.unpack(number)[0],
            Sender(_driver_key(self._key, self._both)),
            Receiver(_task_key(self._key, self._both)),
        )


def _task_key(key: bytes, both: bytes) -> bytes:
    return _tag(key, b"from the task", both)


def _driver_key(key: bytes, both: bytes) -> bytes:
    return _tag(key, b"from the driver", both)


# ----------------------------------------------------------------------------------------------------------------------
# Keys in files that the user alone can read: so processes of one user know each other on machines that share files.

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
        self.key = secrets.token_bytes(KEY)
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
            file = os.open(path, os.O_RDWR | PLAIN_OPEN_FLAGS)
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
        file = os.open(path, os.O_RDONLY | PLAIN_OPEN_FLAGS)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from error
    try:
        _check_private(file, path)
        key = os.read(file, KEY + 1)
    finally:
        os.close(file)
    if len(key) != KEY:
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
