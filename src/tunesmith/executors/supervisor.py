"""Supervises one worker process: gives it the objective and one trial after another, and says how it ended.

This is the same under every engine. `tunesmith.executors.processes` does it in the driver, for several workers;
`tunesmith.executors.task` does it for one trial, in a task of an engine, on whatever machine that runs.
"""

from __future__ import annotations

import pickle
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tunesmith.executors import wire
from tunesmith.executors.launch import PATIENCE_SECONDS, WorkerProcess, how_it_ended, worker_environment
from tunesmith.executors.limits import WATCHDOG, Verdict
from tunesmith.executors.remote import TERMINATED
from tunesmith.executors.resources import oom_kills
from tunesmith.foundation.states import FailureKind

MAX_FAILED_STARTS = 3
SILENT_WORKER_SECONDS = 1.0  # after which one that says nothing is checked: its pipe may outlive its process


@dataclass(frozen=True)
class Setup:
    """What all trials of one call of ``optimize`` have in common; sent once, where an engine can do that.

    Attributes:
        objective: pickled.
        threads: how many threads numeric libraries may use in a worker.
        paths: the driver's ``sys.path``.
        arguments: the driver's ``sys.argv``.
        key: a name that no other setup has.
    """

    objective: bytes
    threads: int
    paths: tuple[str, ...] = field(default_factory=lambda: tuple(map(str, sys.path)))
    arguments: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Job:
    """One run of a trial, as it is sent to where it runs.

    Attributes:
        number: the trial's number.
        trial: the trial without its proposals, pickled.
        proposals: these, pickled.
        time_limit: seconds that it may run.
        left: seconds from its begin until it is stopped in any case.
        memory_limit: bytes that its processes may use together.
        grace: seconds between SIGTERM and SIGKILL.
    """

    number: int
    trial: bytes
    proposals: bytes
    time_limit: float | None
    left: float | None
    memory_limit: int | None
    grace: float


class Worker:
    """One worker process, and the job that it has.

    Args:
        setup: what it runs.
        env: further variables of its environment.
        handles: open files that it inherits.

    Attributes:
        process: the process.
        job: what it runs, or is about to; None: nothing.
        begun: whether it runs that.
        run: the number that the worker drew for that run; None before it began.
        cut_off: whether an interrupt came while a message was read; what comes next has no meaning then.
    """

    def __init__(self, setup: Setup, env: Mapping[str, str] | None = None, handles: Sequence[int] = ()) -> None:
        here = list(map(str, sys.path))
        paths = [*here, *(p for p in setup.paths if p not in here)]
        self.process = WorkerProcess(worker_environment(setup.threads, env or {}), paths, setup.arguments, handles)
        self.job: Job | None = None
        self.begun = self.loaded = self.cut_off = False
        self.run: int | None = None
        self._objective: bytes | None = setup.objective
        self._proposals = b""  # those that it has
        self._message = b""
        self._ooms = oom_kills()
        self._verdict: Verdict | None = None

    def take(self, job: Job) -> bool:
        """Run a job as soon as it can; False if the process turns out to be dead."""
        new = None if job.proposals == self._proposals else job.proposals
        self._message = pickle.dumps((job.trial, new), pickle.HIGHEST_PROTOCOL)
        self.job, self.begun, self.run, self._proposals = job, False, None, job.proposals
        try:
            if self.loaded:
                self._send_job()
        except OSError:
            return False
        return True

    def read(self) -> bytes | None:
        """Read one message; None if it was for the supervisor itself, or of another run than the one of the job.

        Raises:
            EOFError, OSError: the process is gone.
        """
        self.cut_off = True
        data: bytes = self.process.connection.recv_bytes()
        self.cut_off = False
        word = data[:1]
        if word == wire.BEGUN and self.job is not None:
            self.begun, job = True, self.job
            (self.run,) = wire.unpack(data)
            WATCHDOG.watch(self.process, limit=job.time_limit, left=job.left, memory=job.memory_limit, grace=job.grace)
        elif word in (wire.END, wire.FAULT):
            if not self.begun or wire.unpack(data)[0] != self.run:
                return None
            WATCHDOG.forget(self.process)
            self.job, self.begun = None, False
            return data if word == wire.END else self._with_output(data)
        elif word == wire.READY and self._objective is not None:
            self.process.connection.send_bytes(self._objective)
            self._objective = None
            return None
        elif word == wire.LOADED:
            self.loaded = True
            self._send_job()
            return None
        return data

    def answer(self, data: bytes) -> None:
        """Send the answer to a question.

        Raises:
            OSError: the process is gone.
        """
        self.process.connection.send_bytes(data)

    def cancel(self, grace: float) -> None:
        """End the process and all that it started, after `grace` seconds at the latest; does not wait."""
        words = "the trial was cancelled, and its worker process ended"
        WATCHDOG.end(self.process, (FailureKind.KILLED, words), grace if self.begun else 0.0)

    def is_dead(self) -> bool:
        """Tell whether the process ended, though its pipe is open: a process that the objective started may hold it."""
        return self.process.exit_code() is not None and not self.process.connection.poll()

    def last_words(self) -> bytes:
        """Return the last message of a job whose process ended before it could send one."""
        return self._with_output(wire.pack(wire.DIED, *self.how_it_ended()))

    def _with_output(self, message: bytes) -> bytes:
        output = self.process.output
        text = "" if output is None else output.text()
        return wire.pack(wire.PRINTED, text, parts=[message]) if text else message

    def how_it_ended(self) -> tuple[FailureKind | None, str]:
        """Say why a process that ended did so; None: somebody asked it to end by SIGTERM."""
        code = self.process.exit_code(PATIENCE_SECONDS)
        verdict = self._verdict = self._verdict or WATCHDOG.forget(self.process)
        if verdict is not None:
            return verdict
        if code in (TERMINATED, -signal.SIGTERM):
            return None, "the worker process was asked to end (SIGTERM)"
        if code == -getattr(signal, "SIGKILL", 9) and oom_kills() > self._ooms:
            return FailureKind.OOM, f"the system killed the worker process for memory ({how_it_ended(code)})"
        return FailureKind.LOST, f"the worker process died ({how_it_ended(code)})"

    def remove(self) -> None:
        """End the process, with all that it started, and give everything back."""
        WATCHDOG.forget(self.process)
        self.process.kill()
        self.process.release()

    def _send_job(self) -> None:
        if self._message:
            if self.process.output is not None:
                self.process.output.begin()
            self.process.connection.send_bytes(self._message)
            self._message = b""


def dead_before_it_began(n: int, words: str) -> str:
    """Say that worker processes die again and again before their trial begins."""
    return (
        f"{n} worker processes died before their trial began: {words}; what they printed above may say why. Does a "
        "module that the objective needs end Python when imported?"
    )
