"""What runs in a Dask worker: one trial a task, and how the driver's answers get to it.

Messages to the driver are events of a topic of Dask's (about a millisecond; a stream that the worker has anyway).
Answers and requests to end come through one `distributed.Queue` a worker, which a thread of the worker waits at: 3 ms
from question to answer. A `distributed.Variable` would keep the last answer only, and ``client.run`` would let the
driver wait for a worker that hangs.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import Task
from tunesmith.foundation.threads import watch

LARGEST_EVENT = 16_384  # bytes of a last message that is sent as an event; the scheduler keeps the last 1,000 events
LOOK = 0.5  # seconds between two looks at which tasks are still wanted
WAIT = 60.0  # seconds after which a thread that waits for answers looks whether anybody needs it
LAST_GRACE = 2.0  # seconds that a trial has to end by itself once nobody waits for it any more
ANSWER, CANCEL = "answer", "cancel"

# (what the driver calls this run of a task, the queue where this worker reads, a message)
Envelope = tuple[str, str, bytes]


def run_task(setup: Setup, job: Job, topic: str, name: str) -> bytes | None:
    """Run one trial; this is the task.

    Args:
        setup: what all trials have in common.
        job: the trial.
        topic: of the events that the driver listens to.
        name: what the driver calls this task.

    Returns:
        the last message, if it is too large for an event.
    """
    from distributed import get_worker

    worker = get_worker()
    station = _station(worker)

    def send(data: bytes) -> None:
        worker.log_event(topic, (name, station.queue_name, data))

    task = Task(setup, job, send)
    with station.serving(name, task, worker.get_current_task(), job.grace):
        last = task.run()
    if len(last) > LARGEST_EVENT:
        return last
    send(last)
    return None


class _Station:
    """What the tasks of one Dask worker share."""

    def __init__(self, worker: Any) -> None:
        self.queue_name = f"tunesmith-{uuid.uuid4().hex}"
        self._worker = worker
        self._lock = threading.Lock()
        self._tasks: dict[str, tuple[Task, Any, float]] = {}
        self._threads: dict[str, threading.Thread] = {}

    @contextlib.contextmanager
    def serving(self, name: str, task: Task, key: Any, grace: float) -> Iterator[None]:
        """Give a task what is sent to it, and end it when nobody waits for it any more.

        Args:
            name: what the driver calls it.
            key: what Dask calls it.
            grace: seconds that it has to end by itself.
        """
        from distributed import Queue, get_client

        queue = Queue(self.queue_name, client=get_client())
        with self._lock:
            self._tasks[name] = (task, key, min(grace, LAST_GRACE))
            self._keep_alive("watch", self._watch)
            self._keep_alive("listen", lambda: self._listen(queue))
        try:
            yield
        finally:
            with self._lock:
                del self._tasks[name]

    def _keep_alive(self, what: str, target: Callable[[], None]) -> None:
        thread = self._threads.get(what)
        if thread is None or not thread.is_alive():
            self._threads[what] = watch(target, f"tunesmith-dask-{what}", "the driver is not heard")

    def _is_needed(self, what: str) -> bool:
        """Tell a thread whether there are tasks; one that hears no ends, and the next task starts another."""
        with self._lock:
            if not self._tasks:
                del self._threads[what]
            return bool(self._tasks)

    def _listen(self, queue: Any) -> None:
        """Hand on what the driver sends, until nobody needs it or the scheduler is gone."""
        with contextlib.suppress(Exception):  # of many kinds: this worker closes, or lost its scheduler
            while self._is_needed("listen"):
                with contextlib.suppress(TimeoutError):
                    name, word, value = queue.get(timeout=WAIT)
                    self._deliver(name, word, value)

    def _deliver(self, name: str, word: str, value: Any) -> None:
        with self._lock:
            task = self._tasks[name][0] if name in self._tasks else None
        if task is not None and word == ANSWER:
            task.answer(value)
        elif task is not None:
            task.cancel(value)

    def _watch(self) -> None:
        """End tasks that Dask cancelled (their driver did, or is gone), and all when this worker closes."""
        ended: set[str] = set()
        while self._is_needed("watch"):
            with self._lock:
                tasks = dict(self._tasks)
            for name in tasks.keys() - ended:
                task, key, grace = tasks[name]
                if not self._is_wanted(key):
                    ended.add(name)
                    task.cancel(grace)
            time.sleep(LOOK)

    def _is_wanted(self, key: Any) -> bool:
        if self._worker.status.name in ("closing", "closed", "failed"):
            return False
        state = self._worker.state.tasks.get(key)
        return state is not None and state.state not in ("cancelled", "released", "forgotten")


_STATIONS: dict[str, _Station] = {}  # by the worker's address: several may live in one process
_LOCK = threading.Lock()


def _station(worker: Any) -> _Station:
    with _LOCK:
        return _STATIONS.setdefault(worker.address, _Station(worker))
