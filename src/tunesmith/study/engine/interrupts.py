"""Interrupts from outside: Ctrl-C, also one that Python swallows, and SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tunesmith.preemption import PREEMPTION, SIGNALS, Terminated

__all__ = ["Terminated", "reraise_lost_interrupts", "sigterm_raises", "terminable"]


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM leave the block by an exception, and end the process by that signal afterwards.

    Cluster managers, containers and ``kill`` send it before they kill. SIGUSR1 is taken likewise, which would end the
    process at once. A handler of the program's own stays in place.
    """
    raises = False
    try:
        with sigterm_raises() as raises:
            yield
    except Terminated:
        if raises:
            os.kill(os.getpid(), signal.SIGTERM)
        raise  # where the signal does not end the process at once, and where an outer block takes it


@contextmanager
def sigterm_raises() -> Iterator[bool]:
    """Let SIGTERM raise `Terminated` in the block; give False if it does not, as the program has its own handler."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield False
        return

    def end(number: int, frame: Any) -> None:
        raise Terminated

    ours = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield True
    finally:
        PREEMPTION.reset()
        for number in ours:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


@dataclass(slots=True)
class Delayed:
    """Interrupts that were delayed or lost.

    Attributes:
        waiting: what each of them does; usually none.
    """

    waiting: list[Callable[[], Any]] = field(default_factory=list)

    def reraise(self) -> None:
        """Raise the first of them, and forget the others."""
        if self.waiting:
            act = self.waiting[0]
            self.waiting.clear()
            act()


@contextmanager
def reraise_lost_interrupts(
    shielded: Iterable[Callable[..., Any]] = (), but_for: Iterable[Callable[..., Any]] = ()
) -> Iterator[Delayed]:
    """Collect the interrupts that are delayed or lost, for a loop that calls ``reraise`` now and then.

    Ctrl-C and SIGTERM raise at any line. Inside functions that must not be cut short they wait for the next
    ``reraise``, unless a second interrupt comes. The stack tells which functions are running, so this costs nothing
    while no interrupt comes. A handler of the program's own stays in place.

    An interrupt that comes while garbage is collected is raised in whatever callback runs next, in SQLAlchemy's
    bookkeeping for instance, where Python can only print and drop it. A loop that calls ``reraise`` ends nevertheless.

    SIGTERM also waits while a trial comes to its next report, see `tunesmith.preemption`.

    Args:
        shielded: functions that must not be cut short.
        but_for: functions called by those that may be, since they take long and clean up after themselves.
    """
    inner = {f.__code__: True for f in shielded} | {f.__code__: False for f in but_for}
    found = Delayed()
    delayed = found.waiting
    ended = threading.Event()
    before = sys.unraisablehook

    def note(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            delayed.append(lambda: signal.default_int_handler(signal.SIGINT, None))
        else:
            before(unraisable)

    def patient(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
        def handle(number: int, frame: Any) -> None:
            # A library may have kept this handler and put it back after the search: then it only passes on.
            waits = number in SIGNALS and not ended.is_set() and not delayed and PREEMPTION.waits()
            if waits or (not ended.is_set() and not delayed and _is_inside(frame, inner)):
                # Without the frame: when it acts, an outer search, or one that a library kept the handler of, must not
                # delay it again because of what was running at the time.
                delayed.append(lambda: handler(number, None))
            else:
                handler(number, frame)

        return handle

    installed: dict[int, tuple[Any, Any]] = {}
    if main := threading.current_thread() is threading.main_thread():  # the one that interrupts are raised in
        for number in map(int, (signal.SIGINT, *SIGNALS)):
            handler: Any = signal.getsignal(number)
            if handler is signal.default_int_handler or getattr(handler, "__module__", None) == __name__:
                installed[number] = (handler, patient(handler))
    for number, (_, new) in installed.items():
        signal.signal(number, new)
    if main:
        sys.unraisablehook = note
    try:
        yield found
    finally:
        ended.set()
        if sys.unraisablehook is note:
            sys.unraisablehook = before
        for number, (old, new) in installed.items():
            if signal.getsignal(number) is new:
                signal.signal(number, old)
    found.reraise()


def _is_inside(frame: Any, inner: Mapping[Any, bool]) -> bool:
    """Return the entry of the innermost function on the stack that has one, else False."""
    while frame is not None:
        if frame.f_code in inner:
            return inner[frame.f_code]
        frame = frame.f_back
    return False
