"""What runs in a Dask worker: one trial a task.

Messages to the driver are events of a topic of Dask's (about a millisecond; a stream that the worker has anyway).
Answers and requests to end come through a `distributed.Queue` of the run: 3 ms from question to answer. A
`distributed.Variable` would keep the last answer only, and ``client.run`` would let the driver wait for a worker that
hangs.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import Task, run_and_listen

EVENT_BYTES = 16_384  # of a last message that is sent as an event; the scheduler keeps the last 1,000 events


def run_in_dask(setup: Setup, job: Job, topic: str, name: str) -> bytes | None:
    """Run one trial; this is the task.

    Args:
        setup: what all trials have in common.
        job: the trial.
        topic: of the events that the driver listens to.
        name: what the driver calls this task.

    Returns:
        the last message, if it is too large for an event.
    """
    from distributed import Queue, get_client, get_worker

    worker = get_worker()
    key = worker.get_current_task()
    queue = Queue(f"tunesmith-{uuid.uuid4().hex}", client=get_client())

    def send(data: bytes) -> None:
        worker.log_event(topic, (name, queue.name, data))

    task = Task(setup, job, send, lambda: _is_wanted(worker, key))
    try:
        last = run_and_listen(task, queue.get)
    finally:
        with suppress(Exception):  # the scheduler is gone, or this worker is
            queue.put(None)  # so that nobody waits there any more
            queue.close()
    if len(last) > EVENT_BYTES:
        return last
    send(last)
    return None


def _is_wanted(worker: Any, key: Any) -> bool:
    """Tell whether Dask has not cancelled a task: its driver did that, or is gone."""
    if worker.status.name in ("closing", "closed", "failed"):
        return False
    state = worker.state.tasks.get(key)
    return state is not None and state.state not in ("cancelled", "released", "forgotten")
