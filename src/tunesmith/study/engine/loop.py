"""The one event loop: keeps workers busy with what a policy asks for, and hands the policy the ends.

``study.optimize``, ``study.confirm`` and the scikit-learn searches differ only in their `Policy`. To write one:

- ``next`` returns the next piece of work (a trial, a batch of fits), or None when none is to be begun *now*; it is
  asked again after each end.
- ``ended`` takes the events of one or more pieces that ended, stores what they say, and returns the error that must
  stop everything, if there is one. Nothing is begun from then on; what runs comes to its end, and the error is raised.
- ``over``, ``noticed``, ``waiting``, ``tick`` and ``salvaged`` have defaults.

Errors that ``next`` or ``ended`` raise, and interrupts, leave the loop at once. Before that, what has ended meanwhile
is given to ``salvaged``. What still runs is for the caller to release, and the workers are for the caller to close.

The other side is `Workers`, which every opened `Executor` is. Each event of ``poll`` and ``drain`` is the end of one
piece, and is returned once by one of the two; but for a `Notice` (a report, a begin), which goes to ``noticed``.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from tunesmith.executors.base import Notice
from tunesmith.foundation.preemption import NOTICE_SIGNALS, PREEMPTION, Terminated
from tunesmith.foundation.system import signal_self
from tunesmith.foundation.threads import ERRORS_OF_THREADS, raise_what_died
from tunesmith.study.engine.ask import Asker
from tunesmith.study.engine.channel import TrialChannel
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.study.engine.tell import Teller

Piece = TypeVar("Piece")
PieceIn = TypeVar("PieceIn", contravariant=True)
Event = TypeVar("Event")
EventOut = TypeVar("EventOut", covariant=True)

TICK_SECONDS = 1.0  # seconds between two looks at the progress display and at lost interrupts while nothing ends
# Between "started" in the storage and the table of running trials, an interrupt would leave a trial that nobody knows
# of; between the history and its cursor, one that is there twice. Proposals may take long, and what waits for its
# storage is kept, so these can be interrupted.
SHIELDED = (Asker.start, StudyReplica.take_in, Teller.finish)
INTERRUPTIBLE = (Asker.propose, Teller.save, TrialChannel.reach)


class Workers(Protocol[PieceIn, EventOut]):
    """What runs the pieces."""

    @property
    def capacity(self) -> float:
        """How many pieces may be under way at once; it may change at any time, and be 0 for a while."""

    @property
    def shielded(self) -> Sequence[Callable[..., Any]]:
        """Functions that an interrupt must not cut short; it waits until ``poll`` has returned."""

    def submit(self, piece: PieceIn, /) -> None:
        """Begin a piece; called only while fewer than ``capacity`` are under way."""

    def poll(self, timeout: float | None = None) -> Sequence[EventOut | Notice]:
        """Wait until something happened, at most `timeout` seconds, and return it; see `Executor.poll`."""

    def drain(self) -> Sequence[EventOut | Notice]:
        """Return what has happened and was not polled yet, without waiting; called when the loop is left early."""


class Policy(ABC, Generic[Piece, Event]):
    """What differs between the loops: what to begin next, and what to do with an end.

    Attributes:
        ticks: whether ``tick`` has anything to do.
    """

    ticks: bool = True

    @abstractmethod
    def next(self) -> Piece | None:
        """Return the next piece of work; None: nothing is to be begun before something ends."""

    @abstractmethod
    def ended(self, events: list[Event]) -> BaseException | None:
        """Take in what ended; return the error that must stop everything, if any."""

    def over(self) -> bool:
        """Tell whether ``next`` will return nothing any more; asked while the workers have no capacity at all."""
        return False

    def noticed(self, notices: list[Notice]) -> None:
        """Take in what was heard of pieces under way; called before ``ended``."""

    def waiting(self) -> None:
        """Do useful work before the loop waits for an end, while all of several workers are busy."""

    def tick(self) -> None:
        """Note that time passes: called at least each `TICK_SECONDS` seconds while the workers return from ``poll``."""

    def salvaged(self, events: list[Event]) -> None:
        """Take in what had ended when the loop was left early; whatever this raises is dropped."""
        self.ended(events)


def run_loop(workers: Workers[Piece, Event], policy: Policy[Piece, Event]) -> None:
    """Run pieces until nothing runs and the policy has nothing to begin.

    Raises:
        BaseException: the first error that ``policy.ended`` returned, when all that ran has ended; or at once what the
            policy or the workers raised, or an interrupt.
    """
    error: BaseException | None = None
    running = 0
    try:
        with reraise_lost_interrupts((*SHIELDED, *workers.shielded), INTERRUPTIBLE) as delayed:
            while True:
                room = True
                while error is None and (room := running < workers.capacity) and (piece := policy.next()) is not None:
                    if delayed:
                        reraise(delayed)  # before the piece runs, perhaps for hours
                    workers.submit(piece)
                    running += 1
                if not running and (room or policy.over()):
                    break
                if running > 1 and not room:
                    policy.waiting()
                events = workers.poll(TICK_SECONDS)  # not for ever: an interrupt that Python swallowed is to be raised
                if ERRORS_OF_THREADS:
                    raise_what_died()
                ends = take_notice(policy, events)
                running -= len(ends)
                if ends:
                    fault = policy.ended(ends)
                    error = error or fault
                if policy.ticks:
                    policy.tick()
                if delayed:
                    reraise(delayed)
            if error is not None:
                raise error
    except BaseException:
        with suppress(Exception):  # what went wrong first is what the user must see
            policy.salvaged(take_notice(policy, workers.drain()))
        raise
    finally:
        ERRORS_OF_THREADS.clear()  # of the same cause; the next search starts again what it needs of these threads


def take_notice(policy: Policy[Piece, Event], events: Sequence[Event | Notice]) -> list[Event]:
    """Give the policy those of some events that are not ends; return the ends."""
    ends: list[Event] = []
    notices: list[Notice] = []
    for event in events:
        if isinstance(event, Notice):
            notices.append(event)
        else:
            ends.append(event)
    if notices:
        policy.noticed(notices)
    return ends


# -- interrupts from outside: Ctrl-C, also one that Python swallows, and SIGTERM --------------------------------------


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
            signal_self(signal.SIGTERM)
        raise  # where the signal does not end the process at once, and where an outer block takes it


@contextmanager
def sigterm_raises() -> Iterator[bool]:
    """Let SIGTERM raise `Terminated` in the block; give False if it does not, as the program has its own handler."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield False
        return

    def end(number: int, frame: Any) -> None:
        raise Terminated

    ours = [number for number in NOTICE_SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield True
    finally:
        PREEMPTION.reset()
        for number in ours:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


def reraise(delayed: list[Callable[[], Any]]) -> None:
    """Raise the first of the interrupts that were delayed or lost, if there are any, and forget the others."""
    if delayed:
        act = delayed[0]
        delayed.clear()
        act()


@contextmanager
def reraise_lost_interrupts(
    shielded: Iterable[Callable[..., Any]] = (), but_for: Iterable[Callable[..., Any]] = ()
) -> Iterator[list[Callable[[], Any]]]:
    """Collect the interrupts that are delayed or lost, for a loop that calls ``reraise`` now and then.

    Given is a list of what each of them does; usually it is empty.

    Ctrl-C and SIGTERM raise at any line. Inside functions that must not be cut short they wait for the next
    ``reraise``, unless a second interrupt comes. The stack tells which functions are running, so this costs nothing
    while no interrupt comes. A handler of the program's own stays in place.

    An interrupt that comes while garbage is collected is raised in whatever callback runs next, in SQLAlchemy's
    bookkeeping for instance, where Python can only print and drop it. It comes again a moment later.

    SIGTERM also waits while a trial comes to its next report, see `tunesmith.foundation.preemption`.

    Args:
        shielded: functions that must not be cut short.
        but_for: functions called by those that may be, since they take long and clean up after themselves.
    """
    inner = {f.__code__: True for f in shielded} | {f.__code__: False for f in but_for}
    delayed: list[Callable[[], Any]] = []
    ended = threading.Event()
    before = sys.unraisablehook

    def note(unraisable: Any) -> None:
        for number, kind in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)):
            if issubclass(unraisable.exc_type, kind):
                lost = partial(_raise_lost, kind)
                delayed.append(lost)
                if number in installed:
                    _thread.start_new_thread(again, (number, lost))  # see `Preemption.waits`
                return
        before(unraisable)

    def again(number: int, lost: Callable[[], Any]) -> None:
        """Send a lost signal once more: the objective that runs may take hours to the next ``reraise``."""
        time.sleep(0.05)
        if not ended.is_set():
            with suppress(ValueError):  # it was raised
                delayed.remove(lost)
                signal_self(number)

    def patient(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
        def handle(number: int, frame: Any) -> None:
            # A library may have kept this handler and put it back after the search: then it only passes on.
            waits = number in NOTICE_SIGNALS and not ended.is_set() and not delayed and PREEMPTION.waits()
            if waits or (not ended.is_set() and not delayed and _is_inside(frame, inner)):
                # Without the frame: when it acts, an outer search, or one that a library kept the handler of, must not
                # delay it again because of what was running at the time.
                delayed.append(lambda: handler(number, None))
            else:
                handler(number, frame)

        return handle

    installed: dict[int, tuple[Any, Any]] = {}
    if main := threading.current_thread() is threading.main_thread():  # the one that interrupts are raised in
        for number in map(int, (signal.SIGINT, *NOTICE_SIGNALS)):
            handler: Any = signal.getsignal(number)
            if handler is signal.default_int_handler or getattr(handler, "__module__", None) == __name__:
                installed[number] = (handler, patient(handler))
    for number, (_, new) in installed.items():
        signal.signal(number, new)
    if main:
        sys.unraisablehook = note
    try:
        yield delayed
    finally:
        ended.set()
        if sys.unraisablehook is note:
            sys.unraisablehook = before
        for number, (old, new) in installed.items():
            if signal.getsignal(number) is new:
                signal.signal(number, old)
    reraise(delayed)


def _raise_lost(kind: type[BaseException]) -> None:
    raise kind


def _is_inside(frame: Any, inner: Mapping[Any, bool]) -> bool:
    """Return the entry of the innermost function on the stack that has one, else False."""
    while frame is not None:
        if frame.f_code in inner:
            return inner[frame.f_code]
        frame = frame.f_back
    return False
