"""Artifacts: handed out as files to be saved, and never as pages or pictures of this server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tunesmith.dashboard.pages.request import live_study, whole_number
from tunesmith.errors import ArtifactNotFoundError

PIECE = 1 << 16  # bytes that are read at a time


def artifact(request: Request) -> Response:
    """Return the content of an artifact."""
    number, name = whole_number(request, "trial", -1, -1, 2**53), request.query_params.get("name", "")
    artifacts = live_study(request).artifacts
    try:
        stream = (artifacts if number < 0 else artifacts.of(number)).open(name)
    except (ArtifactNotFoundError, KeyError, ValueError):
        raise HTTPException(404, f"There is no artifact {name!r}.") from None
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name.rsplit('/', 1)[-1], safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",  # an SVG that is opened nevertheless can do nothing
    }
    return StreamingResponse(_pieces(stream), media_type="application/octet-stream", headers=headers)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(PIECE):
            yield piece


ROUTES = [Route("/study/{study:int}/artifact", artifact)]
