"""What a task of an engine runs: one trial, in a worker process that the task's own process supervises.

An engine's worker cannot interrupt what it runs, nor say why it died. So the task starts a worker process, relays what
that says to the driver, and returns how it ended. The process is kept for the next trial of the same objective.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tunesmith.executors import wire
from tunesmith.executors.supervisor import (
    MAX_FAILED_STARTS,
    SILENT_WORKER_SECONDS,
    Job,
    Setup,
    Worker,
    dead_before_it_began,
)
from tunesmith.foundation.threads import ERRORS_OF_THREADS, raise_what_died, watch

KEPT_SECONDS = 30.0  # seconds that a worker process without a trial is kept for the next one
CONTINUE = wire.dump_answer([False, 0])  # and it has heard no reports

LAST_GRACE = 2.0  # seconds that a trial has to end by itself once nobody waits for it any more
ANSWER, CANCEL = "a", "c"  # with the bytes of the answer, and with the seconds after which the trial is killed

Send = Callable[[bytes], None]
Order = tuple[str, Any]  # a word of the driver, and what belongs to it


class Task:
    """Runs one job in a worker process of this machine. Made and run by a task of an engine.

    Args:
        setup: what all jobs have in common.
        job: the trial.
        send: carries a message to the driver; called by `run`, in its thread. If it raises, the trial goes on without
            the driver, which gets what it missed with the trial's end.
        is_wanted: tells whether the engine still wants the task; looked at about once a second.
    """

    def __init__(self, setup: Setup, job: Job, send: Send, is_wanted: Callable[[], bool] = lambda: True) -> None:
        self._setup, self._job, self._send, self._is_wanted = setup, job, send, is_wanted
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._cancelled: float | None = None

    def run(self) -> bytes:
        """Run the trial to its end; return the last message, which is for the driver as the others are."""
        failed = 0
        while True:
            worker = _IDLE.take(self._setup) or Worker(self._setup)
            with self._lock:
                self._worker = worker
                if self._cancelled is not None:
                    worker.cancel(0.0)
            try:
                if worker.take(self._job) and (last := self._relay(worker)) is not None:
                    if worker.job is None:
                        _IDLE.keep(self._setup, worker)
                    else:
                        worker.remove()
                    return last
                last, (kind, words) = worker.last_words(), worker.how_it_ended()
            except BaseException:  # the engine ends this task
                worker.remove()
                raise
            finally:
                with self._lock:
                    self._worker = None
            begun = worker.begun
            worker.remove()
            failed += 1
            if begun or self._cancelled is not None:
                return last
            if failed >= MAX_FAILED_STARTS:
                return wire.pack(wire.DIED, kind, dead_before_it_began(failed, words))

    def answer(self, data: bytes) -> None:
        """Give the trial the driver's answer to its question; from any thread."""
        with self._lock:
            if self._worker is not None:
                try:
                    self._worker.answer(data)
                except OSError:  # it died; `run` will see that
                    return

    def cancel(self, grace: float) -> None:
        """End the trial, within `grace` seconds; from any thread."""
        with self._lock:
            self._cancelled = grace
            if self._worker is not None:
                self._worker.cancel(grace)

    def abandon(self) -> None:
        """End the trial, for which nobody waits any more; from any thread."""
        self.cancel(min(self._job.grace, LAST_GRACE))

    def _relay(self, worker: Worker) -> bytes | None:
        """Send messages on until the last one, which is returned; None: the process ended without one."""
        died = len(ERRORS_OF_THREADS)
        try:
            while True:
                ready = worker.process.connection.poll(SILENT_WORKER_SECONDS)
                raise_what_died(died)
                if self._cancelled is None and not self._is_wanted():
                    self.abandon()
                if not ready:
                    if worker.is_dead():
                        return None
                    continue
                message = worker.read()
                if message is None:
                    continue
                if worker.job is None or message[:1] == wire.UNUSABLE:
                    return message
                try:
                    self._send(message)
                except Exception as error:
                    if message[:1] == wire.ASK:
                        self.answer(CONTINUE)
                    elif message[:1] == wire.POINTERS:
                        self.answer(wire.dump_answer(None, wire.dump_fault(error, "")))
        except (EOFError, OSError):
            return None


def run_and_listen(task: Task, next_order: Callable[[], Order | None]) -> bytes:
    """Run a trial while a thread hands on what the driver says.

    Args:
        task: the trial.
        next_order: waits for a word of the driver; None: there was none for a while. What it raises means that the
            driver, or the engine, is gone: then the trial ends.

    Returns:
        The last message.
    """
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            try:
                order = next_order()
            except Exception:  # of many kinds, by engine
                task.abandon()
                return
            if order is not None:
                word, value = order
                (task.answer if word == ANSWER else task.cancel)(value)

    watch(listen, "tunesmith-listens", "the driver is not heard")
    try:
        return task.run()
    finally:
        over.set()


class _KeptWorkers:
    """Worker processes without a trial; each is ended when it was not needed for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timers: dict[Worker, tuple[str, threading.Timer]] = {}  # with the key of the setup
        self._pid = 0

    def keep(self, setup: Setup, worker: Worker) -> None:
        """Keep a worker for the next trial."""
        timer = threading.Timer(KEPT_SECONDS, self.end, [setup, worker])
        timer.name, timer.daemon = "tunesmith-workers", True
        with self._lock:
            if self._pid != os.getpid():  # this process was forked: those that it knows are its parent's
                self._timers, self._pid = {}, os.getpid()
            self._timers[worker] = (setup.key, timer)
        timer.start()

    def take(self, setup: Setup) -> Worker | None:
        """Return a worker that has the objective of a setup; None if there is none."""
        return next(self._take(setup), None)

    def end(self, setup: Setup, worker: Worker | None = None) -> None:
        """End a worker that was kept for a setup; None: all of them."""
        for found in self._take(setup, worker):
            found.remove()

    def _take(self, setup: Setup, only: Worker | None = None) -> Iterator[Worker]:
        for worker, (key, timer) in list(self._timers.items()) if self._pid == os.getpid() else ():
            if key == setup.key and only in (None, worker):
                with self._lock:
                    is_ours = self._timers.pop(worker, None) is not None
                if is_ours:
                    timer.cancel()
                    yield worker


_IDLE = _KeptWorkers()


def end_kept(setup: Setup) -> None:
    """End the worker processes that this process keeps for a setup: its ``optimize`` is over."""
    _IDLE.end(setup)
