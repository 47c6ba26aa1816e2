"""Threads that run only while the driver waits for them, so that what they do has one order.

A simulated run is such a thread: it runs from one moment of the virtual clock to the next, and then waits for its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ended(BaseException):
    """Raised in the thread of a run that is over for the rest of the world, so that the objective ends too."""


class TurnThread:
    """Runs one piece of work after another, in turns with the driver.

    Attributes:
        idle: whether it has no work.
    """

    def __init__(self) -> None:
        self.idle = True
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._work: Callable[[], None] | None = None
        self._ending = False
        threading.Thread(target=self._serve, name="tunesmith-simulated", daemon=True).start()

    def begin(self, work: Callable[[], None]) -> None:
        """Run work until it pauses or is done; called by the driver."""
        self._work, self.idle = work, False
        self.resume()

    def resume(self) -> None:
        """Let the work go on until it pauses again or is done; called by the driver."""
        self._mine.release()
        self._theirs.acquire()

    def end(self) -> None:
        """End the work where it pauses, and the thread; called by the driver, which does not wait."""
        self._ending = True
        self._mine.release()

    def pause(self) -> None:
        """Give the turn to the driver and wait for the next one; called by the work.

        Raises:
            Ended: there is none.
        """
        self._theirs.release()
        self._mine.acquire()
        self.check()

    def check(self) -> None:
        """Raise Ended if the thread is to end; called by the work."""
        if self._ending:
            raise Ended

    def _serve(self) -> None:
        while True:
            self._mine.acquire()
            if self._ending or self._work is None:
                return
            try:
                self._work()
            except Ended:
                return
            self.idle = True
            self._theirs.release()
