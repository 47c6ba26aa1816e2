"""Ends processes that exceed a limit, or that were asked to end and did not.

One thread of the driver, or of an engine's own process, watches over all of them, so that limits hold while the driver
proposes a point or waits for a database.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from tunesmith.executors.resources import memory_of
from tunesmith.foundation.formats import size_text
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.threads import watch

NEVER = float("inf")
MEMORY_INTERVAL = 0.1  # seconds between two looks at the memory

Verdict = tuple[FailureKind, str]  # why a process was ended, and that in words


class ProcessGroup(Protocol):
    """A process that is the first of its group: a worker, or a program that a worker runs."""

    @property
    def pid(self) -> int:
        """Its number, which is that of its process group as well."""

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process and all that it started."""

    def kill(self) -> None:
        """End the process and all that it started, now."""


@dataclass(slots=True)
class _Watched:
    process: ProcessGroup
    end_at: float  # by time.monotonic
    timeout: str  # what that means, in words
    memory: int | None  # bytes
    grace: float
    verdict: Verdict | None = None
    kill_at: float | None = None


class Watchdog:
    """Watches over worker processes, and programs, of this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: dict[int, _Watched] = {}
        self._thread: threading.Thread | None = None

    def watch(
        self, process: ProcessGroup, *, limit: float | None, left: float | None, memory: int | None, grace: float
    ) -> None:
        """Watch over a process from now on.

        Args:
            process: is ended with all that it started.
            limit: seconds that it may take; None: no limit.
            left: seconds until it is ended in any case; None: no such time.
            memory: bytes that its group may use; None: no limit.
            grace: seconds between SIGTERM and SIGKILL.
        """
        seconds, words = NEVER, ""
        if limit is not None:
            seconds, words = limit, f"the trial ran longer than its limit of {limit:g} s"
        if left is not None and left < seconds:
            seconds, words = left, "the deadline of the trial passed"
        if seconds == NEVER and memory is None:
            return
        with self._changed:
            self._watched[process.pid] = _Watched(process, time.monotonic() + seconds, words, memory, grace)
            self._wake()

    def end(self, process: ProcessGroup, verdict: Verdict, grace: float) -> None:
        """Send SIGTERM to a process now, and SIGKILL after `grace` seconds; the first verdict stands."""
        with self._changed:
            watched = self._watched.get(process.pid)
            if watched is None:
                watched = self._watched[process.pid] = _Watched(process, NEVER, "", None, grace)
            if watched.verdict is None:
                watched.grace = grace
                _ask_to_end(watched, verdict)
                self._wake()

    def forget(self, process: ProcessGroup) -> Verdict | None:
        """Watch no longer; return why the process was ended, if it was."""
        with self._changed:
            watched = self._watched.pop(process.pid, None)
        return None if watched is None else watched.verdict

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():  # the first time, or in a process that was forked
            self._thread = watch(self._run, "tunesmith-limits", "the limits of trials hold no more")
        self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while True:
                self._changed.wait(self._look())

    def _look(self) -> float | None:
        """Act on what is due; return the seconds until the next look."""
        now = time.monotonic()
        for watched in self._watched.values():
            if watched.verdict is None and now >= watched.end_at:
                _ask_to_end(watched, (FailureKind.TIMEOUT, watched.timeout))
            if watched.kill_at is not None and now >= watched.kill_at:
                watched.process.kill()
                watched.kill_at = None
        limited = [w for w in self._watched.values() if w.memory is not None and w.verdict is None]
        if limited:
            self._look_at_memory(limited)
        times = [w.end_at if w.verdict is None else w.kill_at for w in self._watched.values()]
        soonest = min((t for t in times if t is not None), default=NEVER)
        if limited:
            soonest = min(soonest, now + MEMORY_INTERVAL)
        return None if soonest == NEVER else min(max(0.0, soonest - time.monotonic()), threading.TIMEOUT_MAX)

    def _look_at_memory(self, limited: list[_Watched]) -> None:
        with contextlib.suppress(OSError):  # no process can be started just now, or no file opened
            used = memory_of({w.process.pid for w in limited})
            over = [w for w in limited if w.memory is not None and used[w.process.pid] > w.memory]
            if not over:
                return
            used = memory_of({w.process.pid for w in over}, exact=True)
            for watched in over:
                if watched.memory is not None and (held := used[watched.process.pid]) > watched.memory:
                    words = f"the trial used {size_text(held)} of memory, and its limit is {size_text(watched.memory)}"
                    watched.verdict = (FailureKind.OOM, words)
                    watched.process.kill()  # at once: it may take all there is


def _ask_to_end(watched: _Watched, verdict: Verdict) -> None:
    watched.verdict = verdict
    watched.kill_at = time.monotonic() + watched.grace
    watched.process.ask_to_end()


WATCHDOG = Watchdog()
