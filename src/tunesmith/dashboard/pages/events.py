"""Server-sent events: that a study has changed. What changed is fetched by the page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tunesmith.dashboard.live import Live
from tunesmith.dashboard.pages.studies import compared_ids


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
            study, stand = event
            if stand is None:
                yield f"event: gone\ndata: {json.dumps({'study': study})}\n\n"
                continue
            place = (stand.seq, stand.version)
            if seen.get(study) == place:
                continue
            seen[study] = place
            data = {"study": study, "seq": stand.seq, "version": stand.version, "counts": stand.counts}
            mark = ",".join(f"{k}:{seq}:{version}" for k, (seq, version) in seen.items())
            yield f"id: {mark}\ndata: {json.dumps(data)}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _places(mark: str) -> dict[int, tuple[int, int]]:
    """Return the places that the id of an event says; none where it says none."""
    found = {}
    for part in mark[:2000].split(","):
        numbers = part.split(":")
        if len(numbers) == 3 and all(n.isascii() and n.isdecimal() for n in numbers):
            found[int(numbers[0])] = (int(numbers[1]), int(numbers[2]))
    return found


ROUTES = [Route("/events", events)]
