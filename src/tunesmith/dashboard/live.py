"""`Live`: looks whether studies that somebody watches have changed, and tells all who watch them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from starlette.concurrency import run_in_threadpool

from tunesmith.dashboard.studies import Standing, Studies
from tunesmith.errors import StudyNotFoundError, TunesmithError

PERIOD = 0.5  # seconds between two looks
QUIET = 25.0  # seconds after which a silent connection gets a comment, so that nothing between closes it

Event = tuple[int, Standing | None]  # a study's id, and where it stands; None: it is gone


class Live:
    """One loop that looks, while anybody watches; each watcher has a queue.

    Args:
        studies: the studies.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies
        self._watchers: dict[asyncio.Queue[Event], frozenset[int]] = {}
        self._known: dict[int, Standing | None] = {}
        self._task: asyncio.Task[None] | None = None

    async def watch(self, ids: Iterable[int]) -> AsyncIterator[Event | None]:
        """Yield where studies stand: at once, and whenever that changes; None when nothing did for a while."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        watched = frozenset(ids)
        self._watchers[queue] = watched
        try:
            for study_id in watched:
                if study_id in self._known:
                    queue.put_nowait((study_id, self._known[study_id]))
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), QUIET)
                except TimeoutError:
                    yield None
        finally:
            self._watchers.pop(queue, None)

    async def _run(self) -> None:
        while self._watchers:
            wanted = frozenset().union(*self._watchers.values())
            for gone in self._known.keys() - wanted:
                del self._known[gone]
            for study_id in wanted:
                try:
                    stand = await run_in_threadpool(self._look, study_id)
                except (TunesmithError, ValueError, KeyError, OSError):  # the next look may find it; others go on
                    continue
                if study_id not in self._known or self._known[study_id] != stand:
                    self._known[study_id] = stand
                    for queue, ids in self._watchers.items():
                        if study_id in ids:
                            queue.put_nowait((study_id, stand))
            await asyncio.sleep(PERIOD)

    def _look(self, study_id: int) -> Standing | None:
        try:
            return self._studies.open(study_id).standing(PERIOD / 2)
        except StudyNotFoundError:
            self._studies.forget(study_id)
            return None

    def close(self) -> None:
        """End the loop."""
        self._watchers.clear()
        if self._task is not None:
            with contextlib.suppress(RuntimeError):  # its event loop may be closed
                self._task.cancel()
