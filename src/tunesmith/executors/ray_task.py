"""What runs in a Ray cluster: one trial a task, and an actor that carries the messages.

The driver and the tasks do not know one another's addresses, and both can call an actor. It is asynchronous, so that
every running task can wait in it for what the driver has to say. A report arrives after 3 ms, and an answer takes 7 ms
there and back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from functools import partial
from typing import Any

from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import Task
from tunesmith.foundation.threads import watch

ANSWER, CANCEL, OVER = "answer", "cancel", "over"
WAIT = 60.0  # seconds that a task waits in the actor before it asks again
LAST_GRACE = 2.0  # seconds that a trial has to end by itself once nobody waits for it any more


class Mail:
    """The actor: what tasks say, in order, and what the driver has to say to each of them."""

    def __init__(self) -> None:
        self._box: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()
        self._orders: dict[str, asyncio.Queue[tuple[str, Any]]] = {}

    async def put(self, name: str, data: bytes) -> None:
        """Keep a message for the driver."""
        self._box.append((name, data))
        self._news.set()

    async def take(self) -> list[tuple[str, bytes]]:
        """Return the messages since the last call, as soon as there are any or `wake` is called."""
        await self._news.wait()
        self._news.clear()
        box, self._box = self._box, []
        return box

    async def wake(self) -> None:
        """Let `take` return."""
        self._news.set()

    async def order(self, name: str, word: str, value: Any = None) -> None:
        """Keep a word for a task."""
        self._orders.setdefault(name, asyncio.Queue()).put_nowait((word, value))

    async def next_order(self, name: str) -> tuple[str, Any] | None:
        """Return the next word for a task; None: there was none for a while."""
        try:
            word, value = await asyncio.wait_for(self._orders.setdefault(name, asyncio.Queue()).get(), WAIT)
        except TimeoutError:
            return None
        if word == OVER:
            del self._orders[name]
        return word, value


def run_task(setup: Setup, job: Job, mail: Any, name: str) -> bytes:
    """Run one trial; this is the task.

    Args:
        mail: the actor.
        name: what the driver calls this task.

    Returns:
        the last message, which the driver may have got from the actor already.
    """
    import ray

    def send(data: bytes) -> None:
        ray.get(mail.put.remote(name, data))  # calls of an asynchronous actor may overtake one another

    # A process that is kept for the next trial has the GPUs that it was started with.
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    task = Task(replace(setup, key=f"{setup.key}-{devices}"), job, send)
    grace = min(job.grace, LAST_GRACE)
    watch(partial(_listen, mail, name, task, grace), "tunesmith-ray", "the driver is not heard")
    try:
        last = task.run()
    finally:
        mail.order.remote(name, OVER)
    with contextlib.suppress(ray.exceptions.RayActorError):  # the driver is gone, or about to read the result
        send(last)
    return last


def _listen(mail: Any, name: str, task: Task, grace: float) -> None:
    """Hand on what the driver says; end the task when the actor is gone, and so the driver."""
    import ray

    while True:
        try:
            order = ray.get(mail.next_order.remote(name))
        except Exception:  # of several kinds: the actor died, this process is asked to end
            task.cancel(grace)
            return
        if order is None:
            continue
        word, value = order
        if word == OVER:
            return
        if word == ANSWER:
            task.answer(value)
        elif word == CANCEL:
            task.cancel(value)
