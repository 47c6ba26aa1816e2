"""Threads that work beside the main one: beside a block, or for as long as the process lives.

Others rely on what such a thread does: it holds limits, gives signs of life, reads what is sent. So none dies in
silence: what one raises is printed as Python prints it, and ends the search of its process, which looks at
`ERRORS_OF_THREADS`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ERRORS_OF_THREADS: list[RuntimeError] = []  # what they say; it is for the search that runs


class Watcher(threading.Thread):
    """A thread on whose work others rely, and that nobody waits for.

    Args:
        work: what it does, until it is needed no more.
        name: of the thread.
        means: what it means if it dies, in words: "limits hold no more".

    Attributes:
        died: says that it died, and why; None: it did not.
    """

    def __init__(self, work: Callable[[], None], name: str, means: str) -> None:
        super().__init__(name=name, daemon=True)
        self.died: RuntimeError | None = None
        self._work, self._means = work, means

    def run(self) -> None:
        """Work."""
        try:
            self._work()
        except BaseException as error:
            words = f"the thread {self.name!r} died, so {self._means}: {type(error).__name__}: {error}"
            self.died = RuntimeError(words)
            self.died.__cause__ = error
            ERRORS_OF_THREADS.append(self.died)
            raise


def watch(work: Callable[[], None], name: str, means: str) -> Watcher:
    """Start a thread, see `Watcher`."""
    thread = Watcher(work, name, means)
    thread.start()
    return thread


def raise_what_died(before: int = 0) -> None:
    """Raise RuntimeError if a thread died that this process relies on.

    Args:
        before: how many had died before.
    """
    if len(ERRORS_OF_THREADS) > before:
        raise ERRORS_OF_THREADS[before]


@contextmanager
def beside(work: Callable[[threading.Event], None], name: str, means: str) -> Iterator[None]:
    """Do something in a thread while the block runs.

    Args:
        work: gets an event that is set at the end of the block, and returns soon after.
        name: of the thread.
        means: what it means if it dies, in words.

    Raises:
        RuntimeError: the thread died; at the end of the block, if that raises nothing itself.
    """
    over = threading.Event()
    thread = watch(lambda: work(over), name, means)
    try:
        yield
    finally:
        over.set()
        thread.join()
        if thread.died in ERRORS_OF_THREADS:
            ERRORS_OF_THREADS.remove(thread.died)
    if thread.died is not None:
        raise thread.died
