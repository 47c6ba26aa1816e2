"""`app`: the dashboard as an ASGI application."""

from __future__ import annotations

import secrets
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from tunesmith.dashboard.pages import actions, artifacts, design, events, figures, studies, study, trial, trials
from tunesmith.dashboard.pages.events import Live
from tunesmith.dashboard.pages.request import HANDLERS
from tunesmith.dashboard.security import Access, Guard
from tunesmith.dashboard.studies import Studies
from tunesmith.dashboard.views import Views
from tunesmith.foundation import look
from tunesmith.foundation.arguments import checked
from tunesmith.storage import Storage, open_storage
from tunesmith.visualization import static
from tunesmith.visualization.svg_style import dark

STATIC = Path(__file__).parent / "static"
MODEL_IMPORTS = (
    "tunesmith.samplers.gp.surrogate",
    "scipy.optimize",
)  # verdicts are made by it, and it is fitted by this

KEPT = "private, max-age=31536000, immutable"  # by a browser: the address carries the version


class _Static(StaticFiles):
    """Our own files."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = KEPT
        return response


async def script_file(_: Request) -> Response:
    """Return the script of drawings, which reports have too."""
    return Response(static.script(), headers={"cache-control": KEPT}, media_type="text/javascript")


async def look_file(_: Request) -> Response:
    """Return the colours, and the style of controls and drawings."""
    rules = look.tokens(dark=False) + look.controls() + static.style()
    return Response(rules, headers={"cache-control": KEPT}, media_type="text/css")


async def dark_file(_: Request) -> Response:
    """Return the colours of pages that are dark; the page says on which screens it holds."""
    rules = f"{look.tokens(dark=True)}:root{{{dark()}}}\n"
    return Response(rules, headers={"cache-control": KEPT}, media_type="text/css")


async def icons_file(_: Request) -> Response:
    """Return the icons."""
    return Response(look.icons(), headers={"cache-control": KEPT}, media_type="image/svg+xml")


async def mark_file(_: Request) -> Response:
    """Return the mark, which browsers show beside the title of a page."""
    return Response(look.mark(32), headers={"cache-control": KEPT}, media_type="image/svg+xml")


@checked()
def app(
    storage: str | Path | Storage,
    *,
    token: str | None = None,
    allowed_hosts: Iterable[str] = (),
    read_only: bool = False,
    logs: str | Path | None = None,
) -> Starlette:
    """Return the dashboard as an ASGI application, to be served alone or mounted under a path of another one.

    Args:
        storage: a file, a URL or a storage.
        token: what a browser must know, once as ``?token=...``, then by a cookie. None: one is made up; it is in
            ``app.state.token``. "": nothing need be known; who mounts it must then decide who may come in.
        allowed_hosts: names by which it may be called, besides those of this machine itself.
        read_only: whether nothing may be changed.
        logs: the folder below which running trials write what they print, where it is not the one beside the storage
            (``tunesmith run --directory``). Else nothing of it is shown, since anyone may have written the storage.

    Returns:
        The application.

    Raises:
        StorageError: the storage cannot be used.
        TypeError: it is no storage.
    """
    opened = open_storage(storage)
    access = Access(
        secrets.token_urlsafe(24) if token is None else token,
        frozenset(name.lower() for name in allowed_hosts),
        read_only,
    )
    held = Studies(opened, None if logs is None else Path(logs))
    live = Live(held)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=_import_model, daemon=True, name="tunesmith-import").start()
        yield
        live.close()
        held.close()

    routes: list[BaseRoute] = [
        *studies.ROUTES, *figures.ROUTES, *trials.ROUTES, *trial.ROUTES, *artifacts.ROUTES, *actions.ROUTES,
        *events.ROUTES, *study.ROUTES, *design.ROUTES, Route("/static/figures.js", script_file),
        Route("/static/look.css", look_file), Route("/static/dark.css", dark_file),
        Route("/static/icons.svg", icons_file), Route("/static/mark.svg", mark_file),
        Route("/favicon.ico", mark_file), Mount("/static", _Static(directory=STATIC)),
    ]  # fmt: skip
    made = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    made.state.token = access.token
    made.state.access = access
    made.state.studies = held
    made.state.live = live
    made.state.views = Views()
    return made


def _import_model() -> None:
    """Import what the first verdict would wait for."""
    for name in MODEL_IMPORTS:
        import_module(name)
