"""Groups of processes: a process and all that it starts. They are ended together, and with the process that began them.

On Linux and macOS that is a process group, which a guardian looks after (`tunesmith.foundation.system.guardian`). On
Windows it is a job, which the system ends when the last handle to it is closed, as it is when its owner is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import IO, Any, Literal, NamedTuple

from tunesmith.foundation.system.guardian import GUARDIAN

Stdin = Literal["pipe", "nothing", "output"]
NO_SUCH_PROGRAM, NO_PERMISSION = 127, 126  # exit codes of the gate below

# What is to run must not begin before the guardian knows its group: else it would live on if we were killed meanwhile.
# A shell waits for a line on its standard input and then becomes the program. Where there is no shell, Python does.
SH = "/bin/sh"
GATE = 'read -r go && exec "$@" <{stdin}'
GATE_WITHOUT_SHELL = """\
import os, signal, sys
os.read(0, 1) or os._exit(1)
os.dup2(1 if sys.argv[1] == "&1" else os.open(sys.argv[1], os.O_RDONLY), 0)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    os.write(2, f"sh: {sys.argv[2]}: {error.strerror}\\n".encode())
    os._exit(127)
"""


class Command(NamedTuple):
    """What is to run.

    Attributes:
        words: the command line.
        env: its environment.
        streams: what it prints to, standard output and standard error; None: where this process prints.
        stdin: where it reads from: a pipe that it waits for before it does anything, nothing, or what it prints to,
            which is a terminal then.
        handles: further open files that it inherits.
    """

    words: Sequence[str]
    env: Mapping[str, str]
    streams: tuple[int | None, int | None]
    stdin: Stdin
    handles: Sequence[int] = ()


class Group(ABC):
    """A process that is the first of its group, and what it starts."""

    _process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The number of the first process."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        """Its standard input, if that is a pipe."""
        return self._process.stdin

    def poll(self) -> int | None:
        """Return its exit code (minus the number of a signal that ended it); None: it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the exit code.

        Raises:
            TimeoutExpired: it still runs after so many seconds.
        """
        return self._process.wait(timeout)

    @abstractmethod
    def ask_to_end(self) -> None:
        """Ask all processes to end: by SIGTERM, on Windows by the Break key of the console."""

    @abstractmethod
    def kill(self) -> None:
        """End all processes now."""

    @abstractmethod
    def release(self) -> None:
        """Give back what the system keeps for a group whose processes have ended."""


KERNEL: Any = None  # on Windows its `WindowsKernel`
if sys.platform == "win32":
    from tunesmith.foundation.system.windows import WindowsKernel

    KERNEL = WindowsKernel()


def start(command: Command) -> Group:
    """Start a process as the first of a group, which is ended when this process is gone, however that ended.

    Raises:
        OSError: it cannot be started. Where a shell starts it, see `was_no_program`.
    """
    return PosixGroup(command) if KERNEL is None else JobGroup(KERNEL, command)


def was_no_program(code: int, printed: str) -> bool:
    """Tell by its exit code and what was printed whether a program could not be started."""
    return code in (NO_SUCH_PROGRAM, NO_PERMISSION) and printed.startswith(("sh: ", "/bin/sh: "))


def end_own_group() -> None:
    """End this process and all that it started, if it is the first of a process group. The owner of a job does that."""
    if sys.platform != "win32" and KERNEL is None and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)


def _gate(words: Sequence[str], stdin: str) -> list[str]:
    if os.path.exists(SH):
        return [SH, "-c", GATE.format(stdin=stdin), "sh", *words]
    return [sys.executable, "-I", "-S", "-c", GATE_WITHOUT_SHELL, stdin, *words]


class PosixGroup(Group):
    """A process group."""

    def __init__(self, command: Command) -> None:
        words, waits = command.words, command.stdin == "pipe"
        self._process = subprocess.Popen(
            list(words) if waits else _gate(words, "&1" if command.stdin == "output" else os.devnull),
            stdin=subprocess.PIPE,
            stdout=command.streams[0],
            stderr=command.streams[1],
            env=command.env,
            pass_fds=command.handles,
            start_new_session=True,
        )
        try:
            GUARDIAN.watch(self._process.pid)
            if not waits and self._process.stdin is not None:
                with contextlib.suppress(OSError):  # it died at once
                    self._process.stdin.write(b"\n")
                    self._process.stdin.flush()
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def ask_to_end(self) -> None:
        self._signal("SIGTERM")

    def kill(self) -> None:
        self._signal("SIGKILL")

    def release(self) -> None:
        GUARDIAN.forget(self._process.pid)

    def _signal(self, name: str) -> None:
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, getattr(signal, name))


class JobGroup(Group):
    """A job of Windows."""

    def __init__(self, kernel: Any, command: Command) -> None:
        self._kernel = kernel
        self._job: int | None = kernel.job()
        try:
            self._process = kernel.start(*command)
            try:
                kernel.assign(self._job, self._process)
                kernel.resume(self._process)
            except BaseException:
                self._process.kill()
                self._process.wait()
                raise
        except BaseException:
            self.release()
            raise

    def ask_to_end(self) -> None:
        with contextlib.suppress(OSError):  # it has ended, or there is no console; it is killed when its time is over
            self._kernel.interrupt(self._process)

    def kill(self) -> None:
        if self._job is not None:
            with contextlib.suppress(OSError):
                self._kernel.end(self._job)

    def release(self) -> None:
        if self._job is not None:
            self._kernel.close(self._job)
            self._job = None
