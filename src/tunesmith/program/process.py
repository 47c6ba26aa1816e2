"""One run of a program: in a group of processes that ends with it, read while it runs, its output kept in a file."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tunesmith.foundation.system import Command, Streams, start
from tunesmith.foundation.text import last_written

LOOK = 0.2  # seconds between two looks whether a program that prints nothing has ended
DRAIN = 1.0  # seconds for what lies in the pipes of a program that ended
WIDTH, HEIGHT = 200, 50  # of the pseudo-terminal: few lines are wrapped


class Process:
    """A running program; to be used in a ``with`` block, at whose end nothing of it is left.

    Args:
        words: the command line.
        env: its environment.
        pty: whether it runs in a pseudo-terminal, which makes many programs print at once, and in colours.
        grace: seconds between SIGTERM and SIGKILL when the block ends before the program does.
        keep: is given all that is printed.

    Attributes:
        output: which of the streams is the standard output.
    """

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], pty: bool, grace: float, keep: Callable[[bytes], None]
    ) -> None:
        self._grace = grace
        self._keep = keep
        streams: tuple[int, int]
        our_ends: tuple[int, ...]
        if pty:
            ours, theirs = _terminal()
            streams, our_ends = (theirs, theirs), (ours,)
        else:
            (out, their_out), (error, their_error) = os.pipe(), os.pipe()
            streams, our_ends = (their_out, their_error), (out, error)
        try:
            self._group = start(Command(words, env, streams, "output" if pty else "nothing"))
        except BaseException:
            for end in our_ends:
                os.close(end)
            raise
        finally:
            for end in set(streams):
                os.close(end)
        self._streams = Streams(our_ends)
        self.output = our_ends[0]

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._group.poll() is None:
                self.ask_to_end()
                end = time.monotonic() + self._grace
                while self._group.poll() is None and time.monotonic() < end:
                    self.read()
                self.rest()  # its last words
        finally:
            self.kill()  # what it started may live on
            self._group.wait()
            self._group.release()
            self._streams.close()

    def read(self, timeout: float = LOOK) -> list[tuple[int, bytes]]:
        """Wait at most so many seconds, and return what was printed: which stream, and the bytes."""
        if not self._streams.open:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it closed its streams, and runs on
                self._group.wait(timeout)
            return []
        found = self._streams.read(timeout)
        for _, data in found:
            self._keep(data)
        return found

    def rest(self) -> list[tuple[int, bytes]]:
        """Return what a program that ended left in its pipes; a process that it started may hold them open."""
        found, end = [], time.monotonic() + DRAIN
        while self._streams.open and time.monotonic() < end and (more := self.read(0.02)):
            found += more
        return found

    @property
    def pid(self) -> int:
        """Its number, which is that of its group as well."""
        return self._group.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, minus the number of a signal that ended it; None: it runs."""
        return self._group.poll()

    def ask_to_end(self) -> None:
        """Ask the program and all that it started to end."""
        self._group.ask_to_end()

    def kill(self) -> None:
        """End the program and all that it started, now."""
        self._group.kill()


def _terminal() -> tuple[int, int]:
    """Return the ends of a new pseudo-terminal: of a size, and with line ends as they are, three times as fast.

    Raises:
        OSError: this system has none.
    """
    ends = (-1, -1)
    if sys.platform != "win32":
        import fcntl
        import pty
        import struct
        import termios

        ends = pty.openpty()
        with contextlib.suppress(OSError, termios.error):
            fcntl.ioctl(ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
            modes = termios.tcgetattr(ends[1])
            modes[1] &= ~termios.OPOST
            termios.tcsetattr(ends[1], termios.TCSANOW, modes)
    if min(ends) < 0:  # `Program` refuses it before
        raise OSError("this system has no pseudo-terminals")
    return ends


# ----------------------------------------------------------------------------------------------------------------------
# Keeps what a program prints in a file of bounded size: the beginning, and the end.

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
