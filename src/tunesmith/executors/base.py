"""The contract of an executor: where objectives run.

The user, or ``study.optimize``, makes an executor from what the engine under it needs to know, and nothing of a study.
``optimize`` then binds it for one call: ``open`` with the objective and the channel of its trials; ``submit`` while
fewer trials than ``capacity`` are under way; ``poll`` until something happened; ``close`` at the end. It may be opened
again.

An executor runs the objective on a copy of the `Trial`. What the copy reports and notes reaches the channel through the
executor, in the driver's thread. `tunesmith.executors.relay` has all that is the same for every executor that runs
trials in other processes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from tunesmith.executors.resources import (
    checked_grace,
    checked_jobs,
    checked_memory_limit,
    checked_resources,
    checked_time_limit,
)
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind
from tunesmith.history.curves import Reported
from tunesmith.trial import Channel, Trial

Objective = Callable[[Trial], Any]
GRACE_SECONDS = 5.0  # seconds between a polite request to end and a kill


@dataclass(slots=True)
class Notice:
    """An event that is no end: the trial is still under way."""

    trial: Trial


@dataclass(slots=True)
class Began(Notice):
    """A process began to run the objective.

    A second one of the same trial, with another `run`, comes from an engine that ran the task again. It is a new
    attempt: until the next ``poll`` nothing of that run is read, so that the study can make one. The older run is heard
    no more.

    Attributes:
        trial: which.
        run: a number that the process drew.
    """

    run: int


@dataclass(slots=True)
class Report(Notice):
    """A trial reported. It is for observers: the report has reached the channel already.

    Attributes:
        trial: which.
        step: of the report.
        value: what it reported; of several objectives a tuple.
    """

    step: int
    value: Reported


@dataclass(slots=True)
class Finished:
    """An objective returned.

    Attributes:
        trial: its trial with everything it noted.
        value: what it returned.
    """

    trial: Trial
    value: Any


@dataclass(slots=True)
class Failed:
    """A trial ended without a value.

    Attributes:
        trial: with all that is known of it.
        error: what the objective raised (``TrialPruned`` included), or an error that says how its process ended.
        kind: the kind of failure; None: its process was asked to end (SIGTERM), which is nobody's fault, and the trial
            is to be run again.
        traceback: where the objective raised, in text.
        output: the end of what it printed, where the executor keeps that.
    """

    trial: Trial
    error: BaseException
    kind: FailureKind | None = FailureKind.RAISED
    traceback: str = ""
    output: str = ""


End = Finished | Failed
Event = Began | Report | Finished | Failed


class Executor(ABC):
    """Runs objectives. Opened for one call of ``optimize``, closed at its end.

    Args:
        client: the engine's own object (a Dask client, a pool); None: the executor finds or starts one.
        jobs: how many objectives may run at once; -1: one a core. None: as many as the engine has room for.
        resources: what one trial needs, by name: ``{"cpus": 2, "gpus": 1}``, and the engine's own. None: one core.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: bytes that a trial's processes may use together, or a text such as "2GB"; None: no limit.
        grace: seconds that a trial has to end by itself when it is asked to, before it is killed.

    Raises:
        TypeError: `resources` are no amounts by name.
        ValueError: one of the others is not what it should be.

    Attributes:
        name: its name in the registry.
        kills: whether ``cancel`` and the limits end a running objective, whatever it does.
        cancels: whether ``cancel`` and the limit of time end its trial, and the objective only where it waits.
        streams: whether reports arrive, and ``should_prune`` is answered, while a trial runs.
        resources_aware: whether it uses `resources`.
        notices_loss: whether the death of the process that runs a trial ends the trial as LOST.
        queues: whether a trial may wait in the queue of an engine, perhaps for ever; at the end of its time,
            ``optimize`` cancels those that have not begun.
    """

    name: ClassVar[str] = ""
    kills: ClassVar[bool] = False
    cancels: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    resources_aware: ClassVar[bool] = False
    notices_loss: ClassVar[bool] = False
    queues: ClassVar[bool] = False

    @checked("jobs", "resources", "time_limit", "memory_limit", "grace")
    def __init__(
        self,
        client: Any = None,
        *,
        jobs: int | None = None,
        resources: Mapping[str, float] | None = None,
        time_limit: float | None = None,
        memory_limit: float | str | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.client = client
        self.jobs = None if jobs is None else checked_jobs(jobs, "jobs")
        self.resources = checked_resources(resources)
        self.time_limit = checked_time_limit(time_limit, "time_limit")
        self.memory_limit = checked_memory_limit(memory_limit, "memory_limit")
        self.grace = checked_grace(grace)
        self._prepare()

    def _prepare(self) -> None:  # noqa: B027 - some have nothing to do here
        """Check the arguments, and make what is needed before ``open``; the end of the constructor."""

    @classmethod
    def accepts(cls, client: Any) -> bool:
        """Tell whether `client` is an engine's object that this class runs trials on; imports no engine for it."""
        return False

    @abstractmethod
    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Get ready to run trials; called once before ``submit``.

        Args:
            objective: what to run.
            channel: the channel of its trials, or None: nobody listens. It is called only from within ``submit``,
                ``poll`` and ``drain``, in the driver's thread.

        Raises:
            ObjectiveError: the objective cannot be sent to where it should run.
        """

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many objectives can run at once. It may change at any time, and be 0 while an engine has no worker."""

    @property
    def shielded(self) -> Sequence[Callable[..., Any]]:
        """Functions that Ctrl-C and SIGTERM must not cut short: the interrupt waits until ``poll`` has returned."""
        return ()

    @abstractmethod
    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Begin to run the objective on a trial; called only while fewer than ``capacity`` are unfinished.

        Args:
            trial: is the executor's until its end is returned.
            deadline: the time by ``clock`` at which it is stopped as TIMEOUT, if it still runs; None: no such time.
        """

    @abstractmethod
    def poll(self, timeout: float | None = None) -> list[Event]:
        """Wait until something happened, at most `timeout` seconds, and return it in order.

        Each trial that was submitted has one end. With nothing under way it returns at once, unless the capacity is 0:
        then it waits for that to change, or for the timeout.
        """

    @abstractmethod
    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask a trial to end, and kill it with all that it started if it does not.

        The call does not wait. The end comes from ``poll``: Failed as KILLED, or what the trial came to before that.

        Args:
            number: the trial's number; ignored if it is not under way.
            grace: seconds between the two; None: the executor's own.
        """

    def drain(self) -> list[Event]:
        """Return what has happened and was not polled yet; called when ``optimize`` is interrupted, before ``close``.

        Here an executor may ask what runs to end, so that it saves what it has, and wait for that as long as the grace.
        """
        return []

    def clock(self) -> float:
        """Return the time in seconds (monotonic) by which time-outs are counted."""
        return time.monotonic()

    @abstractmethod
    def close(self) -> None:
        """Stop what still runs and give everything back; nothing is polled afterwards."""


# -- processes that an objective forks: they are the objective's own, and never speak for the trial -------------------
#
# A child that returns from the objective, or raises in it, would go on as a second worker or a second driver.


def end_fork(error: BaseException | None = None) -> NoReturn:
    """End this process, which was forked inside of an objective, as the end of a program does.

    Args:
        error: what the objective raised in it; None: it returned.
    """
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        code = 1
        with contextlib.suppress(Exception):
            traceback.print_exception(error)
    flush()
    os._exit(code & 0xFF)


def flush() -> None:
    """Write out the part of a line that was printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def refuse_fork(pid: int) -> None:
    """Raise RuntimeError unless this is the process that runs the trial."""
    if os.getpid() != pid:
        raise RuntimeError(
            f"the trial runs in process {pid}, and this is process {os.getpid()}, which its objective forked: only the "
            "process that runs the objective may report, note, ask or save; send it what it needs to know"
        )
