"""The live display of a search, by :mod:`tunesmith.progress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.study import Study
from tunesmith.trial import FrozenTrial

if TYPE_CHECKING:
    from tunesmith.progress import Progress


class Display:
    """Shows how far a search is. The display opens when it is known how many candidates there are.

    Args:
        study: the study the search writes to.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._progress: Progress | None = None

    def begin(self, total: int | None, done: int, timeout: float | None = None) -> None:
        """Open the display.

        Args:
            total: how many candidates there are, those from before included; None if that is not known.
            done: how many of them are kept from before.
            timeout: seconds after which no candidate is started any more.
        """
        from tunesmith.progress import Progress

        self.close(None)
        if done:
            print(f"Resuming the study {self._study.study_name!r}: {done} finished candidates are kept.")
        self._progress = Progress(self._study, None if total is None else total - done, timeout)

    def saw(self, trials: list[FrozenTrial]) -> None:
        """Show finished candidates."""
        for trial in trials:
            if self._progress is not None:
                self._progress.update(self._study, trial)

    def tick(self) -> None:
        """Show that time passes."""
        if self._progress is not None:
            self._progress.tick()

    def close(self, error: BaseException | None) -> None:
        """Take the display away."""
        if self._progress is not None:
            self._progress.close(error)
            self._progress = None
