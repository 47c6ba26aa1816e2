"""A Ctrl-C that Python swallows, and how it is heeded all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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
