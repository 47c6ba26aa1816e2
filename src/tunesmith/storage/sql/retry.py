"""`Retry`: when to try again after another program was in the way."""

from __future__ import annotations

import random
import time

_random = random.SystemRandom()  # the state of Python's own generator belongs to the user


class Retry:
    """Decides how long and how often to try again while another program holds the lock.

    A transaction takes about 50 microseconds, so the first pauses are short; they are random, so that no program always
    comes last.

    Args:
        timeout: how long to wait in all, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        self._end = time.monotonic() + timeout
        self._pause = 0.00005
        self._reconnected = False

    def goes_on(self, busy: bool, lost: bool) -> bool:
        """Return whether to try again after a failure: the database was locked, or the connection was lost."""
        if busy:
            return time.monotonic() < self._end
        if lost and not self._reconnected:  # the server closed an idle connection, or was started anew
            self._reconnected = True
            return True
        return False

    def wait(self) -> None:
        """Pause, a little longer each time."""
        time.sleep(_random.random() * self._pause)
        self._pause = min(2 * self._pause, 0.01)
