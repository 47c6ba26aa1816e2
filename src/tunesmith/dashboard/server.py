"""`serve`: the dashboard in a server of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import uvicorn

from tunesmith.dashboard.app import app
from tunesmith.dashboard.security import is_loopback
from tunesmith.foundation.arguments import checked
from tunesmith.storage import Storage

TOKEN = "TUNESMITH_DASHBOARD_TOKEN"  # the environment variable that keeps the token from one start to the next


@checked()
def serve(
    storage: str | Path | Storage,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str | None = None,
    allowed_hosts: Iterable[str] = (),
    read_only: bool = False,
    logs: str | Path | None = None,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the dashboard until Ctrl-C.

    Args:
        storage: a file, a URL or a storage.
        host: the address to listen at.
        port: the port; 0: a free one.
        token: what a browser must know; None: the value of TUNESMITH_DASHBOARD_TOKEN, else one is made up. "": nothing,
            which is possible on this machine alone.
        allowed_hosts: names by which it may be called, besides `host` and those of this machine itself.
        read_only: whether nothing may be changed.
        logs: the folder of what running trials print, where it is not the one beside the storage; see `app`.
        announce: takes the address to open, once the server listens.

    Raises:
        ValueError: there is no token, and other machines can reach the address.
        OSError: the address cannot be listened at.
    """
    if token == "" and not is_loopback(host):
        raise ValueError(f"without a token the dashboard is served on this machine alone, and {host} is not: leave the "
                         "token out, or serve it at 127.0.0.1")  # fmt: skip
    given = os.environ.get(TOKEN) or None if token is None else token
    names = {*allowed_hosts, *([] if host in ("0.0.0.0", "::") else [host])}  # compared, not bound
    made = app(storage, token=given, allowed_hosts=names, read_only=read_only, logs=logs)
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, reuse_port=False
    )
    shown = f"[{host}]" if ":" in host else host
    secret = made.state.token
    announce(f"http://{shown}:{listener.getsockname()[1]}/" + (f"?token={secret}" if secret else ""))
    config = uvicorn.Config(
        made, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=1, ws="none",
        lifespan="on",
    )  # fmt: skip
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)
    uvicorn.Server(config).run(sockets=[listener])


def _is_no_end(record: logging.LogRecord) -> bool:
    """Tell whether something went wrong: that answers under way are cut off at Ctrl-C is no error."""
    cut_off = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut_off and not str(record.msg).startswith("Cancel ")
