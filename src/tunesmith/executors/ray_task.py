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
from typing import Any

from tunesmith.executors.supervisor import Job, Setup
from tunesmith.executors.task import Order, Task, run_and_listen

WAIT_IN_ACTOR_SECONDS = 60.0  # seconds that a task waits in the actor before it asks again


class Mail:
    """The actor: what tasks say, in order, and what the driver has to say to each of them."""

    def __init__(self) -> None:
        self._box: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()
        self._orders: dict[str, asyncio.Queue[Order | None]] = {}

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

    async def order(self, name: str, order: Order | None) -> None:
        """Keep a word for a task; None: the task has ended."""
        self._orders.setdefault(name, asyncio.Queue()).put_nowait(order)

    async def next_order(self, name: str) -> Order | None:
        """Return the next word for a task; None: there was none for a while, or it has ended."""
        try:
            order = await asyncio.wait_for(self._orders.setdefault(name, asyncio.Queue()).get(), WAIT_IN_ACTOR_SECONDS)
        except TimeoutError:
            return None
        if order is None:
            del self._orders[name]
        return order


def run_in_ray(setup: Setup, job: Job, mail: Any, name: str) -> bytes:
    """Run one trial; this is the task.

    Args:
        setup: what all trials have in common.
        job: the trial.
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
    setup = replace(setup, key=f"{setup.key}-{devices}")
    try:
        last = run_and_listen(Task(setup, job, send), lambda: ray.get(mail.next_order.remote(name)))
    finally:
        mail.order.remote(name, None)
    with contextlib.suppress(ray.exceptions.RayActorError):  # the driver is gone, or about to read the result
        send(last)
    return last
