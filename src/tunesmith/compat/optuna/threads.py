"""Runs objectives in threads of this process, as ``n_jobs`` means in Optuna: they share what is in memory."""

from __future__ import annotations

import threading
import traceback
from queue import Empty, SimpleQueue
from typing import ClassVar

from tunesmith.executors.base import Event, Executor, Failed, Finished, Objective
from tunesmith.trial import Channel, Trial

CTRL_C_LOOK_SECONDS = 0.2  # seconds between two looks for Ctrl-C


class ThreadExecutor(Executor):
    """Runs several objectives at once, each in a thread. It can stop none, so limits have no effect in it."""

    name: ClassVar[str] = "threads"
    streams: ClassVar[bool] = True

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Keep both for the trials to come."""
        self._objective, self._channel = objective, channel
        self._ends: SimpleQueue[Finished | Failed] = SimpleQueue()
        self._threads: dict[int, threading.Thread] = {}

    @property
    def capacity(self) -> int:
        """The number of jobs."""
        return self.jobs or 1

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Begin to run the objective in a new thread."""
        trial.link.connect(self._channel)
        thread = threading.Thread(target=self._run, args=(trial,), name=f"trial-{trial.number}", daemon=True)
        self._threads[trial.number] = thread
        thread.start()

    def _run(self, trial: Trial) -> None:
        end: Finished | Failed
        try:
            end = Finished(trial, self._objective(trial))
        except BaseException as error:  # whatever it raises is how the trial ended
            end = Failed(trial, error, traceback=traceback.format_exc())
        self._ends.put(end)

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Wait until a trial ends, at most so many seconds."""
        end = None if timeout is None else self.clock() + timeout
        while self._threads:
            left = CTRL_C_LOOK_SECONDS if end is None else max(0.0, min(CTRL_C_LOOK_SECONDS, end - self.clock()))
            if found := self._taken(left):
                return found
            if end is not None and self.clock() >= end:
                break
        return []

    def _taken(self, wait: float) -> list[Event]:
        """Return the ends that are there, after a wait for the first one."""
        found: list[Event] = []
        try:
            found.append(self._ends.get(timeout=wait))
            while True:
                found.append(self._ends.get_nowait())
        except Empty:
            for event in found:
                self._threads.pop(event.trial.number).join()
            return found

    def drain(self) -> list[Event]:
        """Return what has ended and was not polled yet."""
        return self._taken(0.0)

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Do nothing: an objective in a thread cannot be stopped."""

    def close(self) -> None:
        """Forget what still runs: threads cannot be stopped, and end with the program at the latest."""
        self._threads.clear()
