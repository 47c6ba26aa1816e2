"""Keeps what a program prints in a file of bounded size: the beginning, and the end."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from tunesmith.text import last_written

HALF = 512 * 1024  # bytes that are kept of the beginning, and as many of the end
EVERY = 2.0  # seconds after which a changed end is written again


class Log:
    """The file with the output of a trial."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._size = 0  # of all that was printed
        self._head = 0  # bytes of it that stand at the beginning of the file
        self._tail = bytearray()
        self._written = 0.0

    def __enter__(self) -> Log:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, data: bytes) -> None:
        """Add what was printed."""
        self._size += len(data)
        if room := HALF - self._head:
            self._head += self._file.write(data[:room]) or 0
            data = data[room:]
        self._tail += data
        del self._tail[:-HALF]
        if data and time.monotonic() > self._written + EVERY:
            self._write_tail()

    def text(self, most: int) -> str:
        """Return at most so many characters of what was printed last, without what terminals alone understand."""
        data = bytes(self._tail)
        if len(data) < most and self._head:
            with open(self._file.name, "rb") as file:
                file.seek(max(0, self._head - (most - len(data))))
                data = file.read(self._head - file.tell()) + data
        return last_written(data.decode(errors="replace"))[-most:]

    def close(self) -> None:
        """Write what is left."""
        if not self._file.closed:
            if self._tail:
                self._write_tail()
            self._file.close()

    def _write_tail(self) -> None:
        left_out = self._size - self._head - len(self._tail)
        self._file.seek(self._head)
        self._file.truncate()
        if left_out:
            self._file.write(f"\n[{left_out:,} bytes left out]\n".encode())
        self._file.write(self._tail)
        self._written = time.monotonic()
