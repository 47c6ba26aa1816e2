"""Ctrl-C for ``demo.py``: it leaves no traceback, and no messages of the worker processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def tell(text: str) -> None:
    """Write to standard error, also where a signal came in the middle of another line of it."""
    os.write(2, f"{text}\n".encode())


def block_interrupts() -> None:
    """Keep Ctrl-C from this thread, and from those and the processes that it starts."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


class Interrupts:
    """What Ctrl-C does: first it ends the program at once, later it raises one KeyboardInterrupt.

    While modules are imported nothing can be lost, and an exception in the middle of an import may come out of it as
    another one. Later, finished candidates have to be stored, the display closed and the workers ended.

    A terminal sends SIGINT to all of its processes. Those that fit models, and the programs that joblib calls to end
    them, must not receive it: each would print its own message. So the signal is blocked, and one thread waits for it
    and tells the main thread by another signal. Make it before anything is imported that starts threads.

    Args:
        farewell: what to print when the program ends at once.
    """

    PATIENCE = 2.0  # seconds in which a further Ctrl-C counts as the first one
    TOLD = 0 if sys.platform == "win32" else signal.SIGUSR1

    def __init__(self, farewell: str) -> None:
        self._farewell = farewell
        self._first = 0.0
        self._stage = "imports"
        if sys.platform == "win32":  # it has no such signals: Python raises KeyboardInterrupt
            return
        signal.signal(self.TOLD, self._raise)
        block_interrupts()
        threading.Thread(target=self._watch, daemon=True).start()

    def become_exceptions(self) -> None:
        """Let Ctrl-C raise KeyboardInterrupt from now on."""
        sys.unraisablehook = self._unraisable
        self._stage = "searches"

    def become_exits(self) -> None:
        """Let Ctrl-C end the program without a message: it is ending, and nothing is left to be lost."""
        self._stage = "end"

    def _watch(self) -> None:
        while True:
            signal.sigwait([signal.SIGINT])
            now = time.monotonic()
            if self._stage == "searches":
                if not self._first:
                    self._first = now
                    self._tell()
                if now < self._first + self.PATIENCE:
                    continue
            if self._stage != "end":
                tell(self._farewell)
            os._exit(130)

    def _tell(self) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, self.TOLD)  # this wakes it if it is waiting

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self._stage == "searches":
            raise KeyboardInterrupt

    def _unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Repeat a Ctrl-C that came while garbage was collected, where Python drops exceptions."""
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.05, self._tell).start()
        else:
            sys.__unraisablehook__(unraisable)
