"""What an import shows while it reads a source and stores what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tunesmith.foundation.formats import size_text
from tunesmith.foundation.languages import say, told
from tunesmith.study.progress import ProgressLine
from tunesmith.study.progress.audience import wants_progress


class ImportLine(ProgressLine):
    """A line that says what is done, and how much of a source was read.

    Args:
        what: is done, in words.
        always: whether the last line is shown although it took less than a second.

    Attributes:
        counts: gives the rows and the bytes that were read.
    """

    def __init__(self, what: str, *, always: bool) -> None:
        self.counts: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._what = what
        super().__init__(look=self._count, always=always)

    def head(self) -> str:
        """What is done."""
        return told(self._what)

    def _count(self) -> None:
        rows, size = self.counts()
        parts = [told(say("{} rows", f"{rows:,}"))] if rows else []
        self.saved = " · ".join([*parts, *([size_text(size)] if size else [])])


@contextmanager
def shown(progress: bool | None, what: str) -> Iterator[ImportLine | None]:
    """Show a line while the block runs; yield None where nobody looks.

    Args:
        progress: as users give it.
        what: is done, in words.
    """
    if not wants_progress(progress):
        yield None
        return
    line = ImportLine(what, always=progress is True)
    try:
        yield line
    finally:
        line.close()
