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
from functools import partial
from typing import Any, ClassVar

from tunesmith.errors import MissingDependencyError, WorkerDiedError
from tunesmith.executors import wire
from tunesmith.executors.base import Objective
from tunesmith.executors.dask_task import run_in_dask
from tunesmith.executors.engine import EngineExecutor, Sent, refuse_without_tunesmith
from tunesmith.executors.resources import check_room, places
from tunesmith.executors.supervisor import Job, Setup
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message
from tunesmith.trial import Channel

LARGE_OBJECTIVE_BYTES = 100_000  # bytes of an objective that is sent once to each worker, and not with each trial
LAST_WORDS = (wire.END, wire.FAULT, wire.DIED, wire.PRINTED, wire.UNUSABLE)
IN_THREADS = "cpus"  # the resource that is counted in threads of workers; others are what they were started with


class DaskExecutor(EngineExecutor):
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
    resources_aware: ClassVar[bool] = True

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
        self._setup_future: Any = None  # the future of a large setup
        self._needs = {key: value for key, value in {IN_THREADS: 1, **self.resources}.items() if value}
        self._listen()
        self._check_room()

    def _threads(self) -> int:
        return max(1, int(self.resources.get(IN_THREADS, 1)))

    @property
    def capacity(self) -> int:
        """The number of jobs; without one, what the workers have room for at the moment. 0 without a scheduler."""
        return super().capacity if self._client.status == "running" else 0

    def close(self) -> None:
        """Take all trials back from Dask; workers that run one end it."""
        client = getattr(self, "_client", None)
        if client is None:
            return
        del self._client
        if client.status == "running":
            client.cancel([sent.future for sent in self._sent.values()])
            client.unsubscribe_topic(self._topic)
            for sent in self._sent.values():
                self._hang_up(sent)
        self._names, self._setup_future = {}, None
        self._sent.clear()
        if self._is_own:
            client.close()

    # -- tasks ---------------------------------------------------------------------------------------------------

    def _hand_over(self, job: Job, sent: Sent) -> Any:
        needs = {key: value for key, value in self.resources.items() if key != IN_THREADS}
        future = self._client.submit(
            run_in_dask,
            self._setup_to_send(),
            job,
            self._topic,
            sent.name,
            key=sent.name,
            pure=False,
            resources=needs or None,
        )
        future.add_done_callback(partial(self._on_done, sent))
        return future

    def _take_back(self, sent: Sent) -> bool:
        sent.future.cancel()  # where it is just beginning, the worker sees that
        return True

    def _tell(self, sent: Sent, word: str, value: Any) -> None:
        with contextlib.suppress(OSError):  # the scheduler is away, and with it the task
            sent.line.put((word, value))

    def _hang_up(self, sent: Sent) -> None:
        if sent.line is not None:
            sent.line.close()

    def _listen(self) -> None:
        self._client.subscribe_topic(self._topic, self._keep)

    def _keep(self, event: tuple[float, Any]) -> None:
        """Keep an event of a worker; called in the thread of the client."""
        name, line, data = event[1]
        if data[:1] in LAST_WORDS and (sent := self._sent.get(name)):
            sent.told = True
        self._inbox.put((name, line, data))

    def _on_done(self, sent: Sent, future: Any) -> None:
        """Note the end of a task; called in a thread of Dask's, after the events of the task were."""
        if sent.name not in self._sent or (sent.told and future.status == "finished"):
            return  # to ask for its result would let Dask run it again if its worker is dead by now
        try:
            self._inbox.put((sent.name, None, future.result()))
        except BaseException as error:
            self._inbox.put((sent.name, future.status, error))

    def _read(self, timeout: float) -> bool:
        """Act on a message of a worker, or on the end of a task; those of tasks that were given up are dropped.

        Raises:
            WorkerDiedError: the client is closed, or its scheduler is gone for good.
        """
        found = False
        with contextlib.suppress(queue.Empty):
            while True:
                wait = not found and timeout > 0
                self._act(*(self._inbox.get(timeout=timeout) if wait else self._inbox.get_nowait()))
                found = True
        if not found and timeout > 0 and self._client.status == "closed":
            raise WorkerDiedError(
                "the Dask client is closed: its scheduler ended, or could not be reached for some time. The trials "
                "that ran wait to be run again"
            )
        return found

    def _act(self, name: str, source: str | None, data: Any) -> None:
        sent = self._sent.get(name)
        if sent is None:
            return
        if isinstance(data, BaseException) or data is None:
            self._task_ended(sent, source, data)
        elif source is None:
            self._end(sent, data)
        else:
            if sent.line is None or sent.line.name != source:  # it runs, or runs again elsewhere
                self._hang_up(sent)
                sent.line = self._queue(source)
            self._hear(name, data)

    def _queue(self, name: str) -> Any:
        from distributed import Queue

        return Queue(name, client=self._client)

    def _task_ended(self, sent: Sent, status: str | None, error: BaseException | None) -> None:
        """End a trial whose task ended without a last message."""
        if status != "error" or error is None:  # this is not the trial's fault, and it is to be run again
            words = "Dask dropped the task: its scheduler was restarted, or the connection lost"
            self._give_up(sent, None, words)
            self._listen()  # a scheduler that was started again does not know who listens
            return
        refuse_without_tunesmith(error, "where the workers of Dask run")
        self._give_up(sent, FailureKind.LOST, f"Dask gave the task up: {name_and_message(error)}")

    # -- the cluster ---------------------------------------------------------------------------------------------

    def _setup_to_send(self) -> Any:
        """Return the setup, or a future of it that lies on the workers; one that Dask can make again if they die."""
        if len(self.setup.objective) < LARGE_OBJECTIVE_BYTES:
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
        return [{IN_THREADS: worker["nthreads"], **worker["resources"]} for worker in workers]

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
        slots = sum(places(has, self._needs, has[IN_THREADS]) for has in workers)
        if adaptive is None:
            return slots
        threads = max([int(has[IN_THREADS]) for has in workers], default=1)
        return int(max(1, slots, min(2 * slots, adaptive.maximum * max(1, threads // self._threads()))))


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
