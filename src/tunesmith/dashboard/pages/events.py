"""Server-sent events: that a study has changed. What changed is fetched by the page."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tunesmith.dashboard.pages.studies import compared_ids
from tunesmith.dashboard.studies import Studies
from tunesmith.errors import StudyNotFoundError, TunesmithError
from tunesmith.study.snapshot import Snapshot

# -- `Live`: looks whether studies that somebody watches have changed, and tells all who watch them -----------------

PERIOD = 0.5  # seconds between two looks
QUIET = 25.0  # seconds after which a silent connection gets a comment, so that nothing between closes it

Event = tuple[int, Snapshot | None]  # a study's id, and how it is; None: it is gone


class Live:
    """One loop that looks, while anybody watches; each watcher has a queue.

    Args:
        studies: the studies.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies
        self._watchers: dict[asyncio.Queue[Event], frozenset[int]] = {}
        self._known: dict[int, Snapshot | None] = {}
        self._task: asyncio.Task[None] | None = None

    async def watch(self, ids: Iterable[int]) -> AsyncIterator[Event | None]:
        """Yield studies as they are: at once, and whenever one changes; None when nothing did for a while."""
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
                    seen = await run_in_threadpool(self._look, study_id)
                except (TunesmithError, ValueError, KeyError, OSError):  # the next look may find it; others go on
                    continue
                if study_id not in self._known or _place(self._known[study_id]) != _place(seen):
                    self._known[study_id] = seen
                    for queue, ids in self._watchers.items():
                        if study_id in ids:
                            queue.put_nowait((study_id, seen))
            await asyncio.sleep(PERIOD)

    def _look(self, study_id: int) -> Snapshot | None:
        try:
            return self._studies.look(study_id, PERIOD / 2)
        except StudyNotFoundError:
            self._studies.forget(study_id)
            return None

    def close(self) -> None:
        """End the loop."""
        self._watchers.clear()
        if self._task is not None:
            with contextlib.suppress(RuntimeError):  # its event loop may be closed
                self._task.cancel()


async def events(request: Request) -> Response:
    """Return the stream of the studies that the address names.

    Each event has ``{study, seq, version, counts}``; its id says all places, so that a browser that was cut off and
    comes back with ``Last-Event-ID`` is told at once of what it missed, and of nothing else.
    """
    live: Live = request.app.state.live
    ids = compared_ids(request)
    seen = _places(request.headers.get("last-event-id", ""))

    async def stream() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for event in live.watch(ids):
            if event is None:
                yield ": still here\n\n"
                continue
            study, now = event
            if now is None:
                yield f"event: gone\ndata: {json.dumps({'study': study})}\n\n"
                continue
            place = (now.seq, now.version)
            if seen.get(study) == place:
                continue
            seen[study] = place
            data = {"study": study, "seq": now.seq, "version": now.version, "counts": now.named_counts}
            mark = ",".join(f"{k}:{seq}:{version}" for k, (seq, version) in seen.items())
            yield f"id: {mark}\ndata: {json.dumps(data)}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _place(seen: Snapshot | None) -> tuple[int, int, int] | None:
    """Return what changes whenever trials begin or end, or wait."""
    return None if seen is None else (seen.seq, seen.version, seen.n_trials)


def _places(mark: str) -> dict[int, tuple[int, int]]:
    """Return the places that the id of an event says; none where it says none."""
    found = {}
    for part in mark[:2000].split(","):
        numbers = part.split(":")
        if len(numbers) == 3 and all(n.isascii() and n.isdecimal() for n in numbers):
            found[int(numbers[0])] = (int(numbers[1]), int(numbers[2]))
    return found


ROUTES = [Route("/events", events)]
