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
import secrets
import struct
from collections.abc import Iterator

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
