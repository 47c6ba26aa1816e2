"""Starts worker processes without running the caller's script again, and ends them."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from tunesmith.foundation.system import Command, can_wait_for_pipes, start
from tunesmith.foundation.system.streams import WaitingReader
from tunesmith.foundation.text import last_written
from tunesmith.foundation.threads import watch

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


# What the libraries under an objective read when they are loaded to see how many threads they may use; the last one is
# for joblib and loky, whose n_jobs=-1 then means this worker's share of the machine.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)

END_AT_ONCE = b"!"  # written to a worker's standard input: SIGTERM is not to wait for the next report
PATIENCE_SECONDS = 5.0  # seconds that an idle worker may take to end by itself, and a killed one to be dead

# The script that called us is not run again, as multiprocessing's "spawn" would do: it needs no guard, and may as well
# be a notebook or have come from standard input. What it defines is sent by value. The first bytes on the worker's
# standard input are the caller's sys.path and sys.argv.
WORKER_PROGRAM = """\
import marshal, sys
try:
    sys.path[:], sys.argv[:] = marshal.load(sys.stdin.buffer)
except EOFError:
    sys.exit()  # interrupted before it began
from tunesmith.executors.remote import main
main({handle})
"""


def worker_environment(threads: int, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker.

    Args:
        more: variables that it gets in any case.
    """
    return {**dict.fromkeys(THREAD_VARIABLES, str(max(1, threads))), **os.environ, **more}


class WorkerProcess:
    """One worker process and the pipe to it.

    It has a group of its own: Ctrl-C reaches the driver alone, and what the objective started in it can be
    ended with it. All of it also ends when this process does, see `tunesmith.foundation.system`.

    Args:
        env: its environment.
        paths: its ``sys.path``.
        arguments: its ``sys.argv``.
        handles: further open files that it inherits.

    Attributes:
        connection: our end of the pipe.
        output: what it prints; None on Windows, where it prints to where we do, and nothing is kept.
    """

    def __init__(
        self, env: dict[str, str], paths: Sequence[str], arguments: Sequence[str], handles: Sequence[int] = ()
    ) -> None:
        from multiprocessing.connection import Pipe

        self.connection: Connection[Any, Any]
        ends: Any = Pipe()  # on Windows they are of another class, with the same methods
        self.connection, there = ends
        self.output = Output() if can_wait_for_pipes() else None
        # -O, -W, -X ... as the driver has them
        flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # multiprocessing's way
        handle = there.fileno()
        try:
            words = [sys.executable, *flags, "-c", WORKER_PROGRAM.format(handle=handle)]
            streams = (None, None) if self.output is None else self.output.streams
            self._group = start(Command(words, env, streams, "pipe", [handle, *handles]))
        except BaseException:
            self.connection.close()
            if self.output is not None:
                self.output.close()
            raise
        finally:
            there.close()
        if self.output is not None:
            self.output.started()
        with contextlib.suppress(OSError):  # it died at once; whoever listens on the pipe sees that
            self._lifeline.write(marshal.dumps((list(paths), list(arguments))))
            self._lifeline.flush()

    @property
    def _lifeline(self) -> IO[bytes]:
        if self._group.stdin is None:
            raise RuntimeError("the worker process was started without a pipe to its standard input")
        return self._group.stdin

    @property
    def pid(self) -> int:
        """Its number, which is that of its group as well."""
        return self._group.pid

    def exit_code(self, timeout: float = 0.0) -> int | None:
        """Return the exit code (minus the number of a signal that killed it); None: it still runs after `timeout` s."""
        try:
            return self._group.wait(timeout) if timeout > 0 else self._group.poll()
        except subprocess.TimeoutExpired:
            return None

    def ask_to_end(self) -> None:
        """Ask the process and all that it started to end, at once."""
        with contextlib.suppress(OSError, ValueError):
            self._lifeline.write(END_AT_ONCE)
            self._lifeline.flush()
        self.give_notice()

    def give_notice(self) -> None:
        """Ask likewise, but a trial that saves checkpoints may come to its next report first."""
        self._group.ask_to_end()

    def kill(self) -> None:
        """End the process and all that it started, now."""
        self._group.kill()

    def release(self) -> None:
        """Close the pipes of a process that ended, or is about to."""
        self.exit_code(PATIENCE_SECONDS)
        self._group.release()
        self.connection.close()
        if self.output is not None:
            self.output.close()
        with contextlib.suppress(OSError):
            self._lifeline.close()


def how_it_ended(code: int | None) -> str:
    """Return in words how a process ended unexpectedly."""
    if code is None:
        return "it closed its connection"
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; was there too little memory?" if name == "SIGKILL" else ""
    return f"exit code {code}, {name}{hint}"


# -- what a trial prints is kept: its end is shown where it fails -----------------------------------------------------
#
# A thread reads the worker's standard output and standard error, so that the worker does not wait while the driver is
# busy. What C code and programs that the objective starts print is read as well, and what a crash prints.

OUTPUT_BYTES_KEPT = 16 * 1024  # of a trial


class Output:
    """What one worker process prints.

    Attributes:
        streams: the ends of the pipes that the process writes to, standard output and standard error.
    """

    def __init__(self) -> None:
        out, their_out = os.pipe()
        error, their_error = os.pipe()
        self._woken, self._wake = os.pipe()
        self.streams = (their_out, their_error)
        self._theirs = [their_out, their_error]
        self._passed_on = {out: 1, error: 2}  # what is read, and where it goes
        self._reader = WaitingReader((out, error, self._woken))
        self._kept = bytearray()
        self._last = out  # the pipe that the end of it came from
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def started(self) -> None:
        """Begin to read; the process has its ends of the pipes by now."""
        self._close_theirs()
        self._thread = watch(self._follow, "tunesmith-output", "what trials print is not read")

    def begin(self) -> None:
        """Forget what was printed before: a trial begins."""
        with self._lock:
            self._read()
            self._kept.clear()

    def text(self) -> str:
        """Return the end of what was printed since `begin`; of a line that a progress bar wrote again, the last."""
        with self._lock:
            self._read()
            data = bytes(self._kept)
        text = last_written(data.decode(errors="replace"))
        return f"[...]{text[-OUTPUT_BYTES_KEPT:]}" if len(data) > OUTPUT_BYTES_KEPT else text

    def close(self) -> None:
        """Pass on what is there, and give everything back."""
        if self._thread is not None:
            os.write(self._wake, b"x")
            self._thread.join()
        with self._lock:
            self._read()
            self._reader.close()
        os.close(self._wake)
        self._close_theirs()

    def _close_theirs(self) -> None:
        while self._theirs:
            os.close(self._theirs.pop())

    def _follow(self) -> None:
        while not self._closed:
            self._reader.wait(None)
            with self._lock:
                self._read()

    def _read(self) -> None:
        """Read what there is without waiting, pass it on, and keep the end of it."""
        for end, data, _ in self._reader.take():
            if end == self._woken:
                self._closed = True
            if end == self._woken or not data:
                continue
            # A bar on one stream goes back to the start of its line, and not over what the other stream holds.
            if end != self._last and self._kept and self._kept[-1:] not in b"\r\n":
                self._kept += b"\n"
            self._last = end
            self._kept += data
            del self._kept[: -2 * OUTPUT_BYTES_KEPT]
            with contextlib.suppress(OSError):  # nobody reads it, or there is no such stream
                while data:
                    data = data[os.write(self._passed_on[end], data) :]
