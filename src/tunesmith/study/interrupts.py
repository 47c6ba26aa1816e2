"""How a search ends when it is told to from outside: a Ctrl-C that Python swallows, and SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(BaseException):
    """SIGTERM came; raised in the main thread, so that running trials are given back before the process ends."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM leave the block by an exception, and end the process by that signal afterwards.

    Cluster managers, containers and ``kill`` send it before they kill. A handler of the program's own stays in place.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: Any) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        raise  # where the signal does not end the process at once
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def heeded() -> Iterator[Callable[[], None]]:
    """Give a function that raises the KeyboardInterrupt that went lost since.

    An interrupt that comes while garbage is collected is raised in whatever callback runs next, in SQLAlchemy's
    bookkeeping for instance, where Python can only print and drop it. A loop that calls this function now and then
    ends nevertheless.
    """
    lost: list[bool] = []
    before = sys.unraisablehook

    def note(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            lost.append(True)
        else:
            before(unraisable)

    def heed() -> None:
        if lost:
            lost.clear()
            raise KeyboardInterrupt

    sys.unraisablehook = note
    try:
        yield heed
    finally:
        if sys.unraisablehook is note:
            sys.unraisablehook = before
