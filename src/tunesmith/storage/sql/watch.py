"""One thread a process that closes idle connections to servers, and cuts those on which the server is silent.

A driver that waits for an answer waits for good where packets are dropped without a word, or where something between
(a proxy, a load balancer) takes them and sends nothing on. The thread is there while there are such connections.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
import weakref
from contextlib import suppress
from typing import Any, Protocol

ROUND = 0.5  # seconds between two looks
_LAST_DATA = 52  # where Linux's struct tcp_info has the milliseconds since the last data came in


class Watched(Protocol):
    """What the thread looks after."""

    def look_after(self) -> bool:
        """Close and cut what has to be; return whether there are connections left."""


_watched: weakref.WeakSet[Any] = weakref.WeakSet()
_lock = threading.Lock()
_thread: threading.Thread | None = None
_stop = threading.Event()


def watch(pool: Watched) -> None:
    """Look after the connections of a pool from now on."""
    global _thread
    with _lock:
        _watched.add(pool)
        if _thread is None or not _thread.is_alive():
            _stop.clear()
            _thread = threading.Thread(target=_run, name="tunesmith-connections", daemon=True)
            _thread.start()


def stop() -> None:
    """End the thread, before a fork: a process with threads should not be forked. `watch` starts it again."""
    global _thread
    with _lock:
        thread, _thread = _thread, None
        _stop.set()
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout=5.0)


def _run() -> None:
    global _thread
    while not _stop.wait(ROUND):
        if sum(pool.look_after() for pool in list(_watched)):  # each of them has its turn
            continue
        with _lock:
            if _thread is threading.current_thread() and not any(pool.connections for pool in list(_watched)):
                _thread = None
                return


def silent_for(driver: Any, since: float) -> float:
    """Return for how long a server has sent nothing.

    Args:
        driver: the driver's connection.
        since: when the statement was sent that has no answer yet, by the monotonic clock.

    Returns:
        seconds; 0.0 on a UNIX socket, where there is no network.
    """
    waited = time.monotonic() - since
    try:
        with socket.socket(fileno=os.dup(driver.fileno())) as copy:
            if copy.family not in (socket.AF_INET, socket.AF_INET6):
                return 0.0
            if not hasattr(socket, "TCP_INFO"):
                return waited
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA + 4)
            # A long answer that keeps coming in is none of the silent ones.
            return float(min(waited, struct.unpack_from("I", info, _LAST_DATA)[0] / 1000))
    except (AttributeError, OSError, struct.error):
        return 0.0  # a driver with time limits of its own
    except Exception:  # a driver's error: the connection is closed
        return 0.0


def cut(driver: Any) -> None:
    """End a connection under the thread that waits for it: its driver then raises."""
    with suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)
