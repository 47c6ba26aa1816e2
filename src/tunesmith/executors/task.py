"""What a task of an engine runs: one trial, in a worker process that the task's own process supervises.

An engine's worker cannot interrupt what it runs, nor say why it died. So the task starts a worker process, relays what
that says to the driver, and returns how it ended. The process is kept for the next trial of the same objective.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tunesmith.executors import wire
from tunesmith.executors.supervisor import MAX_FAILED_STARTS, Job, Setup, Worker, dead_before_it_began
from tunesmith.foundation.threads import ERRORS_OF_THREADS, raise_what_died, watch

LOOK_AGAIN = 1.0  # seconds after which a silent worker is checked: its pipe may outlive it
KEPT = 30.0  # seconds that a worker process without a trial is kept for the next one
CONTINUE = wire.dump_answer([False, 0])  # and it has heard no reports

Send = Callable[[bytes], None]


class Task:
    """Runs one job in a worker process of this machine. Made and run by a task of an engine.

    Args:
        setup: what all jobs have in common.
        job: the trial.
        send: carries a message to the driver; called by `run`, in its thread. If it raises, the trial goes on without
            the driver, which gets what it missed with the trial's end.
    """

    def __init__(self, setup: Setup, job: Job, send: Send) -> None:
        self._setup, self._job, self._send = setup, job, send
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._cancelled: float | None = None

    def run(self) -> bytes:
        """Run the trial to its end; return the last message, which is for the driver as the others are."""
        failed = 0
        while True:
            worker = _KEPT.take(self._setup) or Worker(self._setup)
            with self._lock:
                self._worker = worker
                if self._cancelled is not None:
                    worker.cancel(0.0)
            try:
                if worker.take(self._job) and (last := self._relay(worker)) is not None:
                    if worker.job is None:
                        _KEPT.keep(self._setup, worker)
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

    def _relay(self, worker: Worker) -> bytes | None:
        """Send messages on until the last one, which is returned; None: the process ended without one."""
        died = len(ERRORS_OF_THREADS)
        try:
            while True:
                ready = worker.process.connection.poll(LOOK_AGAIN)
                raise_what_died(died)
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


class _KeptWorkers:
    """Worker processes without a trial, by what they run; each is ended when it was not needed for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: list[tuple[str, Worker, float]] = []
        self._pid = 0
        self._thread: threading.Thread | None = None

    def take(self, setup: Setup) -> Worker | None:
        """Return a worker that has the objective of a setup; None if there is none."""
        with self._lock:
            self._forget_if_forked()
            for i, (name, worker, _) in enumerate(self._workers):
                if name == setup.key:
                    del self._workers[i]
                    return worker
        return None

    def keep(self, setup: Setup, worker: Worker) -> None:
        """Keep a worker for the next trial."""
        with self._lock:
            self._forget_if_forked()
            self._workers.append((setup.key, worker, time.monotonic() + KEPT))
            if self._thread is None or not self._thread.is_alive():
                self._thread = watch(self._end_old_ones, "tunesmith-workers", "idle worker processes are not ended")

    def end(self, setup: Setup) -> None:
        """End the workers that were kept for a setup."""
        with self._lock:
            self._forget_if_forked()
            mine = [worker for name, worker, _ in self._workers if name == setup.key]
            self._workers = [kept for kept in self._workers if kept[0] != setup.key]
        for worker in mine:
            worker.remove()

    def _forget_if_forked(self) -> None:
        if self._pid != os.getpid():
            self._workers, self._pid = [], os.getpid()

    def _end_old_ones(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                old = [w for _, w, end in self._workers if end <= now]
                self._workers = [kept for kept in self._workers if kept[2] > now]
                if not self._workers:
                    self._thread = None
                soonest = min((end for _, _, end in self._workers), default=None)
            for worker in old:
                worker.remove()
            if soonest is None:
                return
            time.sleep(max(0.0, soonest - time.monotonic()))


_KEPT = _KeptWorkers()


def end_kept(setup: Setup) -> None:
    """End the worker processes that this process keeps for a setup: its ``optimize`` is over."""
    _KEPT.end(setup)
