"""One run of a program: in a process group of its own, read while it runs, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from tunesmith.executors.guardian import GUARDIAN

CHUNK, ENOUGH = 64 * 1024, 256 * 1024  # bytes of one read, and of one look
LOOK = 0.2  # seconds between two looks whether a program that prints nothing has ended
# Seconds between two reads, the shortest and the longest: so many that a read finds a number of bytes between FEW and
# MANY, since one look at many lines costs as much as one at each. A terminal gives 4 KiB, and the next ones soon after.
SHORT, LONG = 1e-4, 0.01
FEW, MANY = 1000, 4000
DRAIN = 1.0  # seconds for what lies in the pipes of a program that ended
WIDTH, HEIGHT = 200, 50  # of the pseudo-terminal: few lines are wrapped

# The shell waits for a line on its standard input and then becomes the program. So the program begins when the guardian
# knows its group, and not at all if we are killed before that.
GATE = 'read -r go && exec "$@" <{stdin}'


class Process:
    """A running program; to be used in a ``with`` block, at whose end nothing of it is left.

    Args:
        words: the command line.
        env: its environment.
        pty: whether it runs in a pseudo-terminal, which makes many programs print at once, and in colours.
        grace: seconds between SIGTERM and SIGKILL when the block ends before the program does.
        keep: is given all that is printed.

    Raises:
        OSError: no process can be started.
    """

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], pty: bool, grace: float, keep: Callable[[bytes], None]
    ) -> None:
        self._grace = grace
        self._keep = keep
        self._pause, self._read = 0.0, 0.0  # seconds between two reads, and when the last one was
        self._selector = selectors.DefaultSelector()
        streams: tuple[int, int]
        our_ends: tuple[int, ...]
        if pty:
            import pty as terminals

            ours, theirs = terminals.openpty()
            _set_up(theirs)
            streams, our_ends = (theirs, theirs), (ours,)
        else:
            (out, their_out), (error, their_error) = os.pipe(), os.pipe()
            streams, our_ends = (their_out, their_error), (out, error)
        try:
            self._process = _start(words, env, streams, "&1" if pty else os.devnull)
        except BaseException:
            for end in our_ends:
                os.close(end)
            raise
        finally:
            for end in set(streams):
                os.close(end)
        for end in our_ends:
            os.set_blocking(end, False)
            self._selector.register(end, selectors.EVENT_READ)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._process.poll() is None:
                self.ask_to_end()
                end = time.monotonic() + self._grace
                while self._process.poll() is None and time.monotonic() < end:
                    self.read()
                self.rest()  # its last words
        finally:
            self.kill()  # what it started may live on
            self._process.wait()
            GUARDIAN.forget(self._process.pid)
            for key in list(self._selector.get_map().values()):
                os.close(key.fd)
            self._selector.close()

    def read(self, timeout: float = LOOK) -> list[tuple[int, bytes]]:
        """Wait at most so many seconds, and return what was printed: which stream, and the bytes."""
        if not self._selector.get_map():
            with contextlib.suppress(subprocess.TimeoutExpired):  # it closed its streams, and runs on
                self._process.wait(timeout)
            return []
        found = []
        ready = self._selector.select(timeout)
        if self._pause and time.monotonic() < self._read + self._pause:
            time.sleep(self._pause)
            ready = self._selector.select(0)
        for key, _ in ready:
            data, ended = _available(key.fd)
            if data:
                self._keep(data)
                found.append((key.fd, data))
            if ended:
                self._selector.unregister(key.fd)
                os.close(key.fd)
        self._read = time.monotonic()
        size = sum(len(data) for _, data in found)
        if size < FEW:
            self._pause = min(max(SHORT, 2 * self._pause), LONG)
        elif size >= MANY:
            self._pause = self._pause / 2 if self._pause > SHORT else 0.0
        return found

    def rest(self) -> list[tuple[int, bytes]]:
        """Return what a program that ended left in its pipes; a process that it started may hold them open."""
        found, end = [], time.monotonic() + DRAIN
        while self._selector.get_map() and time.monotonic() < end and (more := self.read(0.02)):
            found += more
        return found

    @property
    def pid(self) -> int:
        """Its number, which is that of its process group as well."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, minus the number of a signal that ended it; None: it runs."""
        return self._process.poll()

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program and all that it started."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program and all that it started, now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _available(end: int) -> tuple[bytes, bool]:
    """Return what can be read now, and whether that is the end."""
    parts: list[bytes] = []
    size = 0
    while size < ENOUGH:
        try:
            part = os.read(end, CHUNK)
        except BlockingIOError:
            break
        except OSError:  # so a pseudo-terminal ends
            part = b""
        if not part:
            return b"".join(parts), True
        parts.append(part)
        size += len(part)
    return b"".join(parts), False


def _start(
    words: Sequence[str], env: Mapping[str, str], streams: tuple[int, int], stdin: str
) -> subprocess.Popen[bytes]:
    out, error = streams
    gate = ["/bin/sh", "-c", GATE.format(stdin=stdin), "sh", *words]
    process = subprocess.Popen(
        gate, stdin=subprocess.PIPE, stdout=out, stderr=error, env=env, bufsize=0, start_new_session=True
    )
    try:
        GUARDIAN.watch(process.pid)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(b"\n")
            process.stdin.close()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _set_up(terminal: int) -> None:
    """Give a pseudo-terminal its size, and let it carry line ends as they are, which is three times as fast."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl
        import struct
        import termios

        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        modes = termios.tcgetattr(terminal)
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
