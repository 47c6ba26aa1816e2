"""Reads what a process prints, from several pipes at once: by waiting for them, on Windows by a thread for each."""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import sys
import threading
import time
from typing import Protocol

PIPE_READ_BYTES, PIPE_LOOK_BYTES = 64 * 1024, 256 * 1024  # bytes of one read, and of one look
# Seconds between two reads, the shortest and the longest: so many that a read finds between
# FEW_READ_BYTES and MANY_READ_BYTES, since one look at many lines costs as much as one at each. A terminal gives 4 KiB,
# and the next ones soon after.
SHORT_PAUSE_SECONDS, LONG_PAUSE_SECONDS = 1e-4, 0.01
FEW_READ_BYTES, MANY_READ_BYTES = 1000, 4000


Read = tuple[int, bytes, bool]  # which stream, what was read, and whether that was its end


def can_wait_for_pipes() -> bool:
    """Tell whether one thread can wait for several pipes."""
    return sys.platform != "win32"


class _Reader(Protocol):
    def wait(self, timeout: float | None) -> None:
        """Wait at most so many seconds, None: as long as it takes, until something can be read."""

    def take(self) -> list[Read]:
        """Return what can be read now."""

    def close(self) -> None:
        """Give back what was needed to wait."""


class Streams:
    """The ends of pipes, read and closed here.

    Args:
        ends: descriptors of the ends to read from.

    Attributes:
        open: those that have not ended.
    """

    def __init__(self, ends: tuple[int, ...]) -> None:
        self.open = set(ends)
        self._reader: _Reader = WaitingReader(ends) if can_wait_for_pipes() else _Threads(ends)
        self._pause, self._read = 0.0, 0.0  # seconds between two reads, and when the last one was

    def read(self, timeout: float) -> list[tuple[int, bytes]]:
        """Wait at most so many seconds, and return what was printed: which stream, and the bytes."""
        self._reader.wait(timeout)
        if self._pause and time.monotonic() < self._read + self._pause:
            time.sleep(self._pause)
        found = self._reader.take()
        self._read = time.monotonic()
        for end, _, ended in found:
            if ended:
                self.open.discard(end)
        size = sum(len(data) for _, data, _ in found)
        if size < FEW_READ_BYTES:
            self._pause = min(max(SHORT_PAUSE_SECONDS, 2 * self._pause), LONG_PAUSE_SECONDS)
        elif size >= MANY_READ_BYTES:
            self._pause = self._pause / 2 if self._pause > SHORT_PAUSE_SECONDS else 0.0
        return [(end, data) for end, data, _ in found if data]

    def close(self) -> None:
        """Close all ends."""
        self._reader.close()
        self.open.clear()


class WaitingReader(_Reader):
    """Waits for all ends at once, and closes those that have ended."""

    def __init__(self, ends: tuple[int, ...]) -> None:
        self._selector = selectors.DefaultSelector()
        for end in ends:
            if sys.platform != "win32":  # where there are threads instead
                os.set_blocking(end, False)
            self._selector.register(end, selectors.EVENT_READ)

    def wait(self, timeout: float | None) -> None:
        self._selector.select(timeout)

    def take(self) -> list[Read]:
        found = []
        for key, _ in self._selector.select(0):
            data, ended = _available(key.fd)
            found.append((key.fd, data, ended))
            if ended:
                self._selector.unregister(key.fd)
                os.close(key.fd)
        return found

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()


def _available(end: int) -> tuple[bytes, bool]:
    """Return what can be read now, and whether that is the end."""
    parts: list[bytes] = []
    size = 0
    while size < PIPE_LOOK_BYTES:
        try:
            part = os.read(end, PIPE_READ_BYTES)
        except BlockingIOError:
            break
        except OSError:  # so a pseudo-terminal ends
            part = b""
        if not part:
            return b"".join(parts), True
        parts.append(part)
        size += len(part)
    return b"".join(parts), False


class _Threads(_Reader):
    """A thread for each end, which also closes it: a number that is closed under a read may be another file's next."""

    def __init__(self, ends: tuple[int, ...]) -> None:
        # A program that prints more waits.
        self._found: queue.Queue[Read] = queue.Queue(maxsize=PIPE_LOOK_BYTES // PIPE_READ_BYTES)
        self._taken: list[Read] = []
        self._closed = threading.Event()
        for end in ends:
            threading.Thread(target=self._follow, args=(end,), name="tunesmith-stream", daemon=True).start()

    def _follow(self, end: int) -> None:
        data = b"?"
        while data:
            try:
                data = os.read(end, PIPE_READ_BYTES)
            except OSError:
                data = b""
            while not self._closed.is_set():
                try:
                    self._found.put((end, data, not data), timeout=1.0)
                    break
                except queue.Full:
                    continue
        os.close(end)

    def wait(self, timeout: float | None) -> None:
        if not self._taken:
            with contextlib.suppress(queue.Empty):
                self._taken.append(self._found.get(timeout=timeout))

    def take(self) -> list[Read]:
        found, self._taken = self._taken, []
        with contextlib.suppress(queue.Empty):
            while len(found) < self._found.maxsize:
                found.append(self._found.get_nowait())
        return found

    def close(self) -> None:
        self._closed.set()  # the threads end with their pipes, when the last process that holds them is gone
