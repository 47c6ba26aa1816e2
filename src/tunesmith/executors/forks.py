"""Processes that an objective forks: they are the objective's own, and never speak for the trial.

A child that returns from the objective, or raises in it, would go on as a second worker or a second driver.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from tunesmith.artifacts.pointers import Pointers
    from tunesmith.history.curves import Reported
    from tunesmith.trial import Channel
    from tunesmith.trial.record import Fence


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


class OwnChannel:
    """The channel of trials that this process runs itself, closed to the processes that it forks.

    Args:
        channel: the study's.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pid = os.getpid()

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float) -> bool:
        """Send a report."""
        refuse_fork(self._pid)
        return self._channel.report(number, fence, step, value, cost)

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Send a user attribute."""
        refuse_fork(self._pid)
        return self._channel.note(number, fence, key, value)

    def should_prune(self, number: int, step: int) -> bool:
        """Ask whether the trial should stop."""
        refuse_fork(self._pid)
        return self._channel.should_prune(number, step)

    def pointers(self, number: int, fence: Fence) -> Pointers:
        """Return what publishes the trial's artifacts."""
        refuse_fork(self._pid)
        return self._channel.pointers(number, fence)
