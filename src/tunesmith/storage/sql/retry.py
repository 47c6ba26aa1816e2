"""`Retry`: when to run a transaction again after something was in the way."""

from __future__ import annotations

import random
import time
from enum import Enum

_random = random.SystemRandom()  # the state of Python's own generator belongs to the user


class Fault(Enum):
    """What the failure of a statement means for the transaction that it was in."""

    FINAL = "it would fail again"
    LOCKED = "others hold a lock, or made it roll back"
    FULL = "the server takes no connection at the moment"
    LOST = "the server cannot be reached, or ended the connection"


# Of a kind of fault: the first pause between two tries, and the longest, in seconds. A transaction takes 50 to 500
# microseconds, and a server some seconds to start.
_PAUSES = {Fault.LOCKED: (0.00005, 0.01), Fault.FULL: (0.02, 1.0), Fault.LOST: (0.02, 2.0)}


class Retry:
    """Decides how long and how often to try again. Pauses are random, so that nobody always comes last.

    Args:
        timeout: how long to wait in all while others are in the way, in seconds.
        patience: how long to wait in all for a server that is away, in seconds; the first try is made at once.
    """

    def __init__(self, timeout: float, patience: float) -> None:
        now = time.monotonic()
        self._ends = {Fault.LOCKED: now + timeout, Fault.FULL: now + timeout, Fault.LOST: now + patience}
        self._tries: dict[Fault, int] = {}
        self._fault = Fault.LOCKED

    @property
    def was_lost(self) -> bool:
        """Whether a connection was lost, so that what was sent last may have been done."""
        return Fault.LOST in self._tries

    def goes_on(self, fault: Fault) -> bool:
        """Return whether to try again after a failure."""
        if fault is Fault.FINAL:
            return False
        tried = self._tries[fault] = self._tries.get(fault, 0) + 1
        self._fault = fault
        # The server may have closed an idle connection, or all of them: one new connection is always tried.
        return time.monotonic() < self._ends[fault] or (fault is Fault.LOST and tried == 1)

    def wait(self) -> None:
        """Pause, a little longer each time."""
        tried = self._tries.get(self._fault, 1)
        if self._fault is Fault.LOST and tried == 1:
            return
        first, longest = _PAUSES[self._fault]
        time.sleep(_random.uniform(0.0, min(first * 2.0 ** min(tried, 20), longest)))
