"""The live display of a search, by `tunesmith.progress`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tunesmith.frozen import TrialRecord
from tunesmith.study import Study

if TYPE_CHECKING:
    from tunesmith.progress import Progress


class ProgressDisplay:
    """The progress of a search. It opens when the number of candidates is known.

    Args:
        study: the study the search writes to.
        go_on: how a user resumes the search after an interruption.

    Attributes:
        heading: a line to print above; "" for none.
        rivals: the trials among which the best is shown when it opens; None: all of the study.
    """

    def __init__(self, study: Study, go_on: str) -> None:
        self._study = study
        self._go_on = go_on
        self._progress: Progress | None = None
        self.heading = ""
        self.rivals: list[TrialRecord] | None = None

    def begin(self, total: int | None, done: int, timeout: float | None = None) -> None:
        """Open the display.

        Args:
            total: how many candidates there are, those from before included; None if that is not known.
            done: how many of them are kept from before.
            timeout: seconds after which no candidate is started any more.
        """
        from tunesmith.progress import Progress

        self.close(None)
        if self.heading:
            print(self.heading, file=sys.stderr)
        if done:
            kept = "1 finished candidate is" if done == 1 else f"{done} finished candidates are"
            print(f"Resuming {self._study.study_name!r}: {kept} kept.", file=sys.stderr)
        left = None if total is None else max(0, total - done)
        self._progress = Progress(
            self._study, left, timeout, go_on=self._go_on, rivals=self.rivals, pruned="stopped early"
        )

    def update(self, trials: list[TrialRecord], saved: int = 0) -> None:
        """Show finished candidates.

        Args:
            trials: the candidates.
            saved: how many fits were saved because one was given up.
        """
        for trial in trials:
            if self._progress is not None:
                self._progress.update(self._study, trial)
        if self._progress is not None and saved:
            self._progress.note("fits saved", saved)

    def tick(self) -> None:
        """Update the elapsed time."""
        if self._progress is not None:
            self._progress.tick()

    def close(self, error: BaseException | None) -> None:
        """Close the display; after Ctrl-C, say what is stored and how to resume, and mark the error as told."""
        if self._progress is not None:
            self._progress.close(error)
            self._progress = None
            if isinstance(error, KeyboardInterrupt):
                error.told = True  # type: ignore[attr-defined]  # for a program that would say it otherwise
