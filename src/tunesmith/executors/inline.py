"""Runs objectives one after another in the driver's own thread."""

from __future__ import annotations

import os
import signal
import traceback
from typing import Any, ClassVar

from tunesmith.errors import is_pruned
from tunesmith.executors.base import Event, Executor, Failed, Finished, Objective, end_fork, refuse_fork
from tunesmith.executors.completion import UNFINISHED, Completion
from tunesmith.foundation.preemption import PREEMPTION, Terminated, end_now
from tunesmith.trial import Channel, Trial


class InlineExecutor(Executor):
    """Runs one objective at a time, inside ``poll``. It can stop none, so limits have no effect in it."""

    name: ClassVar[str] = "inline"
    streams: ClassVar[bool] = True
    capacity = 1
    _waiting: Trial | None = None
    _completion: Completion | None = None

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Keep both for the trials to come."""
        self._objective = objective
        self._channel: Any = None if channel is None else _OwnChannel(channel)

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Keep the trial for the next ``poll``."""
        trial.link.connect(self._channel)
        self._waiting = trial

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Run the objective on the trial that waits; an objective of this process cannot be cut short.

        Whatever it raises is how the trial ended, but for Ctrl-C and what a signal handler of the program raises: those
        are meant for the program.
        """
        trial, self._waiting = self._waiting, None
        if trial is None:
            return []
        here = os.getpid()
        try:
            value = self._objective(trial)
            if isinstance(value, UNFINISHED):
                self._completion = self._completion or Completion()
                value = self._completion.complete(value, trial)
        except BaseException as error:
            if os.getpid() != here:
                end_fork(error)
            if PREEMPTION.asked and isinstance(error, Exception) and not is_pruned(error):
                end_now()  # raises: it failed since its own processes were asked to end as well
            if isinstance(error, KeyboardInterrupt | Terminated) or (
                not isinstance(error, Exception) and _from_signal_handler(error)
            ):
                raise
            return [Failed(trial, error, traceback=traceback.format_exc())]
        if os.getpid() != here:
            end_fork()
        return [Finished(trial, value)]

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Do nothing: an objective in this thread cannot be stopped."""

    def close(self) -> None:
        """Forget the trial that waits."""
        self._waiting = None
        if self._completion is not None:
            completion, self._completion = self._completion, None
            completion.close()


def _from_signal_handler(error: BaseException) -> bool:
    """Tell whether an exception went through one of the program's signal handlers: "sys.exit on SIGTERM", say."""
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


class _OwnChannel:
    """The channel of trials that this process runs itself, closed to the processes that it forks."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pid = os.getpid()

    def __getattr__(self, name: str) -> Any:
        refuse_fork(self._pid)
        return getattr(self._channel, name)
