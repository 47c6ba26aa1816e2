"""Runs objectives in processes of this machine, one trial at a time in each.

Each worker has a pipe of its own, so a worker that dies takes down the one trial that it ran, and is replaced. This is
not ``concurrent.futures`` or loky: their pools break as a whole when a worker dies, and neither says which task it ran
nor lets one task be killed. The round trip of a trial that does nothing takes 210 microseconds here and 670
with ``joblib.externals.loky`` (medians of seven runs of 2000 on two cores, two workers, one trial at a time).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from tunesmith.errors import WorkerDiedError
from tunesmith.executors import wire
from tunesmith.executors.base import Event, Objective
from tunesmith.executors.launch import PATIENCE_SECONDS
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.resources import GpuLeases, cpu_count, places
from tunesmith.executors.supervisor import MAX_FAILED_STARTS, SILENT_WORKER_SECONDS, Job, Worker, dead_before_it_began
from tunesmith.executors.wire import SharedArrays
from tunesmith.foundation.preemption import Terminated, notice_seconds
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import listing
from tunesmith.trial import Channel, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DRAIN_SECONDS = 1.0  # seconds for reading what lies in the pipes when the driver is interrupted


class ProcessExecutor(RelayExecutor):
    """Runs up to `jobs` objectives at once, each in a process of its own.

    The objective is pickled once (functions of a script or notebook, lambdas and closures too) and loaded once in each
    worker; large arrays that it refers to are in memory once. Workers are started when there are trials for them, live
    until ``close``, and use their share of the cores.

    Args:
        client: None; this executor has no engine under it.
        jobs: how many objectives run at once; None: as many as there are cores, or GPUs for them.
        resources: what one trial needs: ``{"cpus": 2}`` for the threads of numeric libraries, ``{"gpus": 1}`` for GPUs
            that no other worker sees; half a GPU is for two workers.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: bytes that a trial's processes may use together, or a text such as "2GB"; None: no limit.
        grace: seconds that a trial has to end by itself when it is asked to, before it is killed.

    Raises:
        ValueError: `resources` asks for more than there is, or for what this executor does not know.

    Example:
        ```python
        import tunesmith
        from tunesmith.executors import ProcessExecutor

        study = tunesmith.create_study(seed=0)
        executor = ProcessExecutor(jobs=2, resources={"cpus": 1}, grace=10)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4, executor=executor)
        ```
    """

    name: ClassVar[str] = "processes"
    kills: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    resources_aware: ClassVar[bool] = True
    notices_loss: ClassVar[bool] = True

    def _prepare(self) -> None:
        if unknown := set(self.resources) - {"cpus", "gpus"}:
            raise ValueError(f"the executor 'processes' has the resources 'cpus' and 'gpus'; got {listing(unknown)}")
        self._gpus = GpuLeases(self.resources["gpus"]) if self.resources.get("gpus") else None
        room = max(1, places({"cpus": cpu_count()}, {"cpus": self.resources.get("cpus", 1)}, cpu_count()))
        most = room if self.jobs is None else self.jobs
        self._places = most if self._gpus is None else min(most, self._gpus.places)
        self._workers: list[Worker] = []
        self._leases: dict[Worker, list[str]] = {}
        self._arrays = SharedArrays()

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Pickle the objective; workers are started with their first trials."""
        super().open(objective, channel)
        self._draining = False
        self._failed_starts = 0
        self._looked = self.clock()

    @property
    def capacity(self) -> int:
        """The number of jobs, or of workers that there are cores or GPUs for."""
        return self._places

    def _shared(self) -> SharedArrays:
        self._arrays.close()
        return self._arrays

    @property
    def shielded(self) -> Sequence[Callable[..., Any]]:
        """Reading a message as well: a worker whose message was cut off would be killed without being asked to end."""
        return (self._read_message,)

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Give the trial to a worker that has none; start one if there is none."""
        self._give(self._begin(trial, deadline))

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Read the messages of workers, answer them, and return what happened.

        Raises:
            ObjectiveError: the objective cannot be loaded in a worker.
            WorkerDiedError: workers die before they run anything, again and again.
        """
        end = None if timeout is None else self.clock() + timeout
        while not self._events and any(w.job is not None for w in self._workers):
            left = SILENT_WORKER_SECONDS if end is None else max(0.0, min(SILENT_WORKER_SECONDS, end - self.clock()))
            if not self._listen(self._workers, left) or self.clock() >= self._looked + SILENT_WORKER_SECONDS:
                self._find_dead()
            if end is not None and self.clock() >= end:
                break
        return self._take_events()

    def drain(self) -> list[Event]:
        """Ask what runs to end, and listen while it does: objectives save what they have; then return what happened."""
        self._draining = True
        end = self.clock() + DRAIN_SECONDS
        while self._listen([w for w in self._workers if w.loaded], 0.0) and self.clock() < end:
            pass
        asked = [w for w in self._workers if w.begun and not w.cut_off]
        terminated = isinstance(sys.exception(), Terminated)  # the machine is taken away, and gives notice
        for worker in asked:
            (worker.process.give_notice if terminated else worker.process.ask_to_end)()
        end = self.clock() + self.grace + (notice_seconds() if terminated else 0.0)
        while (left := [w for w in asked if w.job is not None and w in self._workers]) and self.clock() < end:
            if not self._listen(left, 0.1):
                self._find_dead()
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask the worker that runs a trial to end, and kill it and all that it started when the grace is over."""
        for worker in self._workers:
            if worker.job is not None and worker.job.number == number:
                worker.cancel(self.grace if grace is None else grace)

    def close(self) -> None:
        """Let idle workers end by themselves, within seconds; kill the others."""
        workers, self._workers = self._workers, []
        try:
            for worker in workers:
                if worker.job is not None:
                    worker.process.kill()
                else:
                    worker.process.connection.close()
            end = self.clock() + PATIENCE_SECONDS
            for worker in workers:
                worker.process.exit_code(max(0.001, end - self.clock()))
        finally:  # also when a second Ctrl-C comes while we wait
            for worker in workers:
                self._give_back(worker)
            self._arrays.close()

    # -- workers -------------------------------------------------------------------------------------------------

    def _give(self, job: Job) -> None:
        for worker in [w for w in self._workers if w.job is None]:
            if worker.process.exit_code() is None and worker.take(job):
                return
            self._remove(worker)  # it died while it had nothing to do
        worker = self._start()
        self._workers.append(worker)
        worker.take(job)

    def _listen(self, workers: Iterable[Worker], timeout: float) -> bool:
        """Wait for messages, and act on one of each worker that sent any; return False if none did."""
        from multiprocessing.connection import wait

        # A worker whose message was cut off by an interrupt is out of step: its next bytes have no meaning.
        busy = {w.process.connection: w for w in workers if w.job is not None and not w.cut_off}
        ready: list[Any] = wait(list(busy), timeout) if busy else []  # typed for sockets and handles as well
        for connection in ready:
            self._read_message(busy[connection])
        return bool(ready)

    def _read_message(self, worker: Worker) -> None:
        """Act on one message of a worker that runs a trial."""
        job = worker.job
        try:
            message = worker.read()
            if message is None or job is None:
                return
            if message[:1] == wire.BEGUN:
                self._failed_starts = 0
            answer = self._receive(job.number, message)
            if answer is not None:
                worker.answer(answer)
        except (EOFError, OSError):
            self._remove_dead(worker)

    def _find_dead(self) -> None:
        """Find dead workers whose pipe is open: a process that the objective started may hold it."""
        self._looked = self.clock()
        for worker in [w for w in self._workers if w.job is not None and w.is_dead()]:
            self._remove_dead(worker)

    def _remove_dead(self, worker: Worker) -> None:
        """Remove a dead worker; if its trial had not begun yet, another one gets it."""
        job, begun = worker.job, worker.begun
        last, (kind, words) = worker.last_words(), worker.how_it_ended()
        self._remove(worker)
        if job is None:
            return
        if begun or kind is FailureKind.KILLED or self._draining:
            self._receive(job.number, last)
            return
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise WorkerDiedError(dead_before_it_began(self._failed_starts, words))
        self._give(job)

    def _start(self) -> Worker:
        handles = [] if self._arrays.handle is None else [self._arrays.handle]
        if self._gpus is None:
            return Worker(self.setup, handles=handles)
        lease = self._gpus.take()
        try:
            worker = Worker(self.setup, self._gpus.environment(lease), handles)
        except BaseException:
            self._gpus.give_back(lease)
            raise
        self._leases[worker] = lease
        return worker

    def _remove(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._give_back(worker)

    def _give_back(self, worker: Worker) -> None:
        worker.remove()
        if self._gpus is not None and worker in self._leases:
            self._gpus.give_back(self._leases.pop(worker))
