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
from tunesmith.executors.task import Order, run_and_listen

EVENT_BYTES = 16_384  # of a last message that is sent as an event; the scheduler keeps the last 1,000 events
LOOK = 0.5  # seconds between two looks at whether the task is still wanted


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

    def next_order() -> Order | None:
        with suppress(TimeoutError):
            order: Order = queue.get(timeout=LOOK)
            return order
        if not _is_wanted(worker, key):
            raise ConnectionError("Dask cancelled the task: its driver did, or is gone")
        return None

    try:
        last = run_and_listen(setup, job, send, next_order)
    finally:
        queue.close()
    if len(last) > EVENT_BYTES:
        return last
    send(last)
    return None


def _is_wanted(worker: Any, key: Any) -> bool:
    if worker.status.name in ("closing", "closed", "failed"):
        return False
    state = worker.state.tasks.get(key)
    return state is not None and state.state not in ("cancelled", "released", "forgotten")
