"""How the progress of `fmin` is shown: context managers of (initial, total) that yield what is told of each trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunesmith.study.progress import ProgressLine


class _Shown:
    """Takes counts and words for a line.

    Attributes:
        postfix: words beside the count.
    """

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self.postfix: Any = ""

    def update(self, n: int) -> None:
        """Count n more trials."""
        self._line.best = str(self.postfix)
        self._line.advance(n)


class _NotShown:
    postfix: Any = ""

    def update(self, n: int) -> None:
        """Do nothing."""


@contextmanager
def default_callback(initial: int, total: int | None) -> Iterator[_Shown]:
    """Show a line in the terminal or notebook, or a line now and then in a file.

    Args:
        initial: how many trials there are already.
        total: how many there will be; None, or very many: that is not known.
    """
    line = ProgressLine(None if total is None or total >= 2**31 else total)
    line.done = initial
    try:
        yield _Shown(line)
    finally:
        line.close()


@contextmanager
def no_progress_callback(initial: int, total: int | None) -> Iterator[_NotShown]:
    """Show nothing."""
    yield _NotShown()


tqdm_progress_callback = default_callback  # its name there; no tqdm is needed here
