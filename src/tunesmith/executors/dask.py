"""Runs objectives as tasks of a Dask cluster.

Dask cannot interrupt a task, nor say why the process under it died, so each task starts and supervises a worker process
of ours (`tunesmith.executors.task`), and this module moves the bytes between that and the driver. When Dask loses a
worker it runs the task again elsewhere, which begins a new attempt of the trial.
"""

from __future__ import annotations

import contextlib
import queue
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from tunesmith.errors import MissingDependencyError, ObjectiveError, WorkerDiedError
from tunesmith.executors import wire
from tunesmith.executors.base import Event, Objective
from tunesmith.executors.dask_task import ANSWER, CANCEL, run_task
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.resources import check_room, places
from tunesmith.executors.supervisor import Setup
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message
from tunesmith.trial import Channel, Trial

LARGE = 100_000  # bytes of an objective that is sent once to each worker, and not with each trial
LOOK = 1.0  # seconds between two looks at the size of the cluster
LAST = (wire.END, wire.DIED, wire.UNUSABLE)
THREADS = "cpus"  # the resource that is counted in threads of workers; others are what they were started with


@dataclass(slots=True)
class _Sent:
    """A trial that was handed to Dask."""

    number: int
    future: Any
    queue: str | None = None  # where the worker reads that was heard of last
    is_told: bool = False  # whether the last message has arrived: the result of the task is not needed then


class DaskExecutor(RelayExecutor):
    """Runs each objective as a task of a Dask cluster, in a process of its own on one of the workers.

    The capacity follows the cluster: a trial for each thread of its workers, or for each set of `resources`. With
    adaptive scaling it is twice that, so that waiting trials let the cluster grow; `jobs` sets another number.

    Args:
        client: a ``distributed.Client``, or the address of a scheduler; None: the client of this process.
        jobs: how many trials are handed to Dask at once; None: as many as the workers have room for.
        resources: what one trial needs: ``cpus``, in threads of a worker (1 by default; 0: they are not counted), and
            what workers were started with, as in ``dask worker --resources "GPU=1"``. ``open`` raises if no worker has
            that; it warns where one may join: the cluster scales by itself, has no worker yet, or `jobs` is given.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: bytes that a trial's processes may use together, or a text such as "2GB"; None: no limit.
        grace: seconds that a trial has to end by itself when it is asked to, before it is killed.

    Raises:
        TypeError: `client` is neither, or belongs to an event loop of the program's (``asynchronous=True``).
        MissingDependencyError: Dask is not installed.
    """

    name: ClassVar[str] = "dask"
    kills: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    resources_aware: ClassVar[bool] = True
    notices_loss: ClassVar[bool] = True
    queues: ClassVar[bool] = True

    def _prepare(self) -> None:
        client = self.client
        if not (client is None or isinstance(client, str) or self.accepts(client)):
            raise TypeError(f"DaskExecutor takes a distributed.Client or the address of a scheduler; got {client!r}")
        if getattr(client, "asynchronous", False):
            raise TypeError("DaskExecutor needs a client of its own thread: make it without asynchronous=True")

    @classmethod
    def accepts(cls, client: Any) -> bool:
        """Accept a ``distributed.Client``."""
        return any(k.__name__ == "Client" and k.__module__.startswith("distributed.") for k in type(client).__mro__)

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Pickle the objective, and listen to what workers will say."""
        super().open(objective, channel)
        self._client, self._is_own = _client(self.client)
        self._topic = f"tunesmith-{self._client.id}"
        self._inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._sent: dict[str, _Sent] = {}  # by name
        self._names: dict[int, str] = {}  # of the trials under way
        self._queues: dict[str | None, Any] = {}  # of workers, by name
        self._setup_future: Any = None  # the future of a large setup
        self._slots, self._looked = 0, -LOOK
        self._needs = {key: value for key, value in {THREADS: 1, **self.resources}.items() if value}
        self._listen()
        self._check_room()

    def _threads(self) -> int:
        return max(1, int(self.resources.get(THREADS, 1)))

    @property
    def capacity(self) -> int:
        """The number of jobs; without one, what the workers have room for at the moment. 0 without a scheduler."""
        if self._client.status != "running":
            return 0
        if self.jobs is not None:
            return self.jobs
        if self.clock() - self._looked >= LOOK:
            self._looked = self.clock()
            self._slots = self._count_slots()
        return self._slots

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Hand the trial to Dask."""
        job = self._begin(trial, deadline)
        name = f"tunesmith-trial-{job.number}-{uuid.uuid4().hex}"
        needs = {key: value for key, value in self.resources.items() if key != THREADS}
        future = self._client.submit(
            run_task, self._setup_to_send(), job, self._topic, name, key=name, pure=False, resources=needs or None
        )
        self._sent[name] = _Sent(job.number, future)
        self._names[job.number] = name
        future.add_done_callback(partial(self._on_done, name))

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Read what workers and Dask say, answer it, and return what happened.

        Raises:
            ObjectiveError: the objective, or tunesmith itself, cannot be loaded in a worker.
            WorkerDiedError: the client is closed, or its scheduler is gone for good.
        """
        for number, answer in self._read_held():
            self._answer(number, answer)
        end = None if timeout is None else self.clock() + timeout
        while not self._events and (self._sent or not self.capacity):
            left = LOOK if end is None else max(0.0, min(LOOK, end - self.clock()))
            try:
                self._read(self._inbox.get(timeout=left))
            except queue.Empty:
                if self._client.status == "closed":
                    raise WorkerDiedError(
                        "the Dask client is closed: its scheduler ended, or could not be reached for some time. The "
                        "trials that ran wait to be run again"
                    ) from None
                if end is not None and self.clock() >= end:
                    break
        self._read_all()
        return self._take_events()

    def drain(self) -> list[Event]:
        """Return what happened already."""
        self._read_all()
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask the process that runs a trial to end; a trial that no worker has begun is taken back from Dask."""
        name = self._names.get(number)
        if name is None:
            return
        sent = self._sent[name]
        if sent.queue is not None:
            self._tell(name, CANCEL, self.grace if grace is None else grace)
            return
        sent.future.cancel()  # where it is just beginning, the worker sees that
        self._lose(number, FailureKind.KILLED, "the trial was cancelled before it began")
        self._forget_ended(name)

    def close(self) -> None:
        """Take all trials back from Dask; workers that run one end it."""
        client = getattr(self, "_client", None)
        if client is None:
            return
        del self._client
        if client.status == "running":
            client.cancel([sent.future for sent in self._sent.values()])
            client.unsubscribe_topic(self._topic)
        self._names, self._setup_future = {}, None
        self._sent.clear()
        if self._is_own:
            client.close()

    # -- messages ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._client.subscribe_topic(self._topic, partial(_keep, self._inbox, self._sent))

    def _on_done(self, name: str, future: Any) -> None:
        """Note the end of a task; called in a thread of Dask's, after the events of the task were."""
        sent = self._sent.get(name)
        if sent is None or (sent.is_told and future.status == "finished"):
            return  # to ask for its result would let Dask run it again if its worker is dead by now
        try:
            self._inbox.put((name, future.status, future.result()))
        except BaseException as error:
            self._inbox.put((name, future.status, error))

    def _read_all(self) -> None:
        while True:
            try:
                self._read(self._inbox.get_nowait())
            except queue.Empty:
                return

    def _read(self, item: tuple[Any, ...]) -> None:
        """Act on a message of a worker, or on the end of a task; those of tasks that were given up are dropped."""
        name, source, data = item
        sent = self._sent.get(name)
        if sent is None:
            return
        if isinstance(data, BaseException) or data is None:
            self._task_ended(sent, source, data)
        else:
            if source != "finished":
                sent.queue = source
            self._answer(sent.number, self._receive(sent.number, data))
        self._forget_ended(name)

    def _answer(self, number: int, answer: bytes | None) -> None:
        if answer is not None and number in self._names:
            self._tell(self._names[number], ANSWER, answer)

    def _tell(self, name: str, word: str, value: Any) -> None:
        """Send a word to the worker that runs a task."""
        from distributed import Queue

        source = self._sent[name].queue
        with contextlib.suppress(OSError):  # the scheduler is away, and with it the task
            if source not in self._queues:
                self._queues[source] = Queue(source, client=self._client)
            self._queues[source].put((name, word, value))

    def _task_ended(self, sent: _Sent, status: str, error: BaseException | None) -> None:
        """End a trial whose task ended without a last message."""
        if status != "error" or error is None:  # this is not the trial's fault, and it is to be run again
            self._lose(sent.number, None, "Dask dropped the task: its scheduler was restarted, or the connection lost")
            self._listen()  # a scheduler that was started again does not know who listens
            return
        if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == "tunesmith":
            raise ObjectiveError("tunesmith is not installed where the workers of Dask run: install it there")
        self._lose(sent.number, FailureKind.LOST, f"Dask gave the task up: {name_and_message(error)}")

    def _forget_ended(self, name: str) -> None:
        """Forget a task if its trial is under way no more."""
        sent = self._sent.get(name)
        if sent is not None and not self._is_under_way(sent.number):
            del self._sent[name], self._names[sent.number]

    # -- the cluster ---------------------------------------------------------------------------------------------

    def _setup_to_send(self) -> Any:
        """Return the setup, or a future of it that lies on the workers; one that Dask can make again if they die."""
        if len(self.setup.objective) < LARGE:
            return self.setup
        if self._setup_future is None or self._setup_future.status not in ("pending", "finished"):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")  # it is sent once
                self._setup_future = self._client.submit(
                    _itself, self.setup, key=f"setup-{uuid.uuid4().hex}", pure=False
                )
        return self._setup_future

    def _workers(self) -> list[dict[str, float]]:
        """Return what the scheduler says that each worker has."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return [{THREADS: worker["nthreads"], **worker["resources"]} for worker in workers]

    def _adaptive(self) -> Any:
        """Return what scales the cluster by itself; None: nothing does."""
        return getattr(getattr(self._client, "cluster", None), "_adaptive", None)

    def _check_room(self) -> None:
        """Check that a trial can ever run; a cluster without workers may be starting, and a scaled one may grow."""
        workers, adaptive = self._workers(), self._adaptive() is not None
        if workers or not adaptive:
            may_grow = adaptive or not workers or self.jobs is not None
            check_room(self._needs, workers, "worker of the Dask cluster", may_grow)

    def _count_slots(self) -> int:
        """Return how many trials should be under way, given what the scheduler says of its workers."""
        workers, adaptive = self._workers(), self._adaptive()
        slots = sum(places(has, self._needs, has[THREADS]) for has in workers)
        if adaptive is None:
            return slots
        threads = max([int(has[THREADS]) for has in workers], default=1)
        return int(max(1, slots, min(2 * slots, adaptive.maximum * max(1, threads // self._threads()))))


def _keep(inbox: queue.SimpleQueue[tuple[Any, ...]], sent: Mapping[str, _Sent], event: tuple[float, Any]) -> None:
    """Keep an event of a worker for the driver; called in the thread of the client."""
    name, source, data = event[1]
    inbox.put((name, source, data))
    if name in sent and data[:1] in LAST:
        sent[name].is_told = True


def _itself(setup: Setup) -> Setup:
    return setup


def _client(given: Any) -> tuple[Any, bool]:
    """Return the client to be used, and whether it was made here.

    Raises:
        MissingDependencyError: Dask is not installed.
        ValueError: none was given, and this process has none.
    """
    try:
        from distributed import Client, default_client
    except ImportError as error:
        raise MissingDependencyError("the executor 'dask' needs distributed: pip install 'tunesmith[dask]'") from error
    if isinstance(given, str):
        return Client(given, set_as_default=False), True
    if given is not None:
        return given, False
    try:
        return default_client(), False
    except ValueError:
        raise ValueError(
            "executor='dask' uses the Dask client of this process, and there is none: make one with "
            "distributed.Client(...), or give DaskExecutor('tcp://host:8786')"
        ) from None
