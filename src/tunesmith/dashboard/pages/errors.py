"""What is shown when something is not there or does not work: a sentence, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tunesmith.errors import StorageError, StudyNotFoundError, TunesmithError


def answer(request: Request, status: int, sentence: str) -> Response:
    """Return a sentence as the page or the JSON that was asked for."""
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"error": sentence}, status)
    page: Response = request.app.state.views.page(request, "error.html", {"sentence": sentence}, status)
    return page


def _known(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, StudyNotFoundError) else 503 if isinstance(error, StorageError) else 400
    return answer(request, status, str(error))


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    return answer(request, status, "There is nothing at this address." if detail == "Not Found" else detail)


HANDLERS: Mapping[Any, Callable[[Request, Exception], Any]] = {TunesmithError: _known, HTTPException: _http}
