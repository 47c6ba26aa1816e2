"""SIGTERM with notice: a trial that saves checkpoints may first come to its next report, where it saves and ends.

Clusters and spot machines send a signal some time before they take a machine away: SIGTERM, or SIGUSR1 if SLURM is told
so. ``TUNESMITH_NOTICE`` says how many seconds of that a trial may use; 5 by default, and 0: none. A trial that saves no
checkpoints, or whose next report will certainly come later, ends at once.
"""

from __future__ import annotations

import _thread
import os
import signal
import time
import weakref
from typing import Protocol

from tunesmith.foundation.formats import seconds_of
from tunesmith.foundation.system import signal_self
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution

NOTICE_VARIABLE = "TUNESMITH_NOTICE"
DEFAULT_NOTICE_SECONDS = 5.0  # seconds: containers are killed ten seconds after SIGTERM by default
NOTICE_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGBREAK") if hasattr(signal, name))


class Terminated(BaseException):
    """Raised in the main thread by SIGTERM, so that running trials are released before the process ends."""


class Saver(Protocol):
    """What saves the checkpoints of a running trial."""

    def next_report(self) -> float | None:
        """Return in how many seconds the next report is to be expected; None: it is not known."""


class Preemption:
    """The notice that this process got, and the trials of it that can use it.

    Attributes:
        asked: whether it was asked to end, and waits for a report.
    """

    def __init__(self) -> None:
        self.asked = False
        self._savers: weakref.WeakSet[Saver] = weakref.WeakSet()
        self._may_wait = True
        self._round = 0

    def enter(self, saver: Saver) -> None:
        """Note that a trial saves checkpoints."""
        self._savers.add(saver)

    def leave(self, saver: Saver) -> None:
        """Note that a trial has ended."""
        self._savers.discard(saver)

    def end_at_once(self) -> None:
        """Wait for no report in this process: it is to end now, or others would wait for it."""
        self._may_wait = False
        if self.asked:
            end_now()

    def reset(self) -> None:
        """Forget that this process was asked to end."""
        self.asked = False
        self._round += 1

    def waits(self) -> bool:
        """Tell a signal handler whether to wait for a report; if so, the signal comes again when the time is over."""
        if self.asked or not self._may_wait or not self._savers:
            return False
        notice = notice_seconds()
        expected = [saver.next_report() for saver in list(self._savers)]
        if not any(seconds is None or seconds < notice for seconds in expected) or not notice:
            return False
        self.asked = True
        self._round += 1
        # Not by `threading`, whose locks the interrupted thread may hold.
        _thread.start_new_thread(self._again, (notice, self._round))
        return True

    def _again(self, notice: float, this: int) -> None:
        time.sleep(notice)
        if self.asked and self._round == this:
            end_now()


def end_now() -> None:
    """Send this process the signal again, which now raises in the main thread."""
    signal_self(signal.SIGTERM)


def notice_seconds() -> float:
    """Return how many seconds a trial may go on after the signal."""
    given = os.environ.get(NOTICE_VARIABLE, "").strip()
    if not given:
        return DEFAULT_NOTICE_SECONDS
    try:
        return seconds_of(given)
    except ValueError:
        caution(
            f"{NOTICE_VARIABLE} takes seconds, or a time such as 90s or 2m; got {shown(given)}; "
            f"it is taken as {DEFAULT_NOTICE_SECONDS:g}"
        )
        return DEFAULT_NOTICE_SECONDS


PREEMPTION = Preemption()
