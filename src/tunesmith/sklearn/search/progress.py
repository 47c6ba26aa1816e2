"""How a search shows its progress, by `tunesmith.study.progress`, and what the logger tells of its candidates."""

from __future__ import annotations

import logging
import math
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tunesmith.foundation.languages import say, told
from tunesmith.selection import HonestScore
from tunesmith.selection.by_folds import best_by_folds
from tunesmith.selection.score import ScoreRange
from tunesmith.sklearn.protocols import Params
from tunesmith.study import Study
from tunesmith.study.progress import ProgressLine
from tunesmith.study.progress.audience import wants_progress
from tunesmith.study.progress.trials import STOPPED_EARLY, how_to_go_on

HONEST_CANDIDATES = 2_000  # of more, no honest value is shown before the end: it would take longer than a look
FITS_VERBOSE = 2  # from this verbosity on a search prints each fit, which says how it goes
_log = logging.getLogger("tunesmith")

End = tuple[list[float], bool, bool]  # scores by split, whether all splits were run, and whether a fit failed


class SearchProgress:
    """The progress of one search. The line opens when the number of candidates is known.

    Args:
        shows: whether there is a line.
        always: whether the last line is shown although the search took less than a second.
        go_on: what a user does to resume the search after an interruption.
        paired: whether all candidates have the same splits, so that their scores can be compared split by split.

    Attributes:
        heading: a text to print above the line; "" for none.
        study: where candidates are kept; None: nowhere.
        pool: what runs the fits.
        line: what is shown; None: nothing, or not yet.
    """

    def __init__(self, shows: bool, always: bool, go_on: str, paired: bool) -> None:
        self._shows, self._always, self._go_on, self._paired = shows, always, go_on, paired
        self._logs = _log.isEnabledFor(logging.INFO)
        self._ends: deque[End] = deque()  # what the thread that draws has not counted yet
        self._n_fits = self._n_saved = self._n_ended = 0
        self._folds: list[list[float]] = []  # of the candidates that were run on all splits
        self._best = -math.inf
        self._logged = (-math.inf, 0)  # the best score that the logger told of, and its candidate
        self.heading, self._kept = "", 0
        self.study: Study | None = None
        self.pool: Any = None
        self.line: ProgressLine | None = None

    @classmethod
    def of(cls, search: Any) -> SearchProgress | None:
        """Return that of a search; None: nobody looks, and nobody reads the log."""
        given = search.progress
        shows = wants_progress(given) and not (given is None and search.verbose >= FITS_VERBOSE)
        if not shows and not _log.isEnabledFor(logging.INFO):
            return None
        go_on = search._start_over if search.storage is None else search.how_to_resume
        return cls(shows, given is True, go_on, not getattr(search, "reshuffle", False))

    def begin(
        self,
        total: int | None,
        known: Sequence[Sequence[float]],
        timeout: float | None = None,
    ) -> None:
        """Open the line.

        Args:
            total: how many candidates there are, those from before included; None if that is not known.
            known: the scores of those that are kept from before, by split, NaN where there is none.
            timeout: seconds after which no candidate is started any more.
        """
        self.close(None)
        self._kept, self._n_ended, self._best, self._logged = len(known), 0, -math.inf, (-math.inf, 0)
        self._folds.clear()
        if not self._shows:
            return
        if self._always:
            if self.heading:
                print(self.heading, file=sys.stderr)
            if known and self.study is not None:
                kept = "1 finished candidate is" if len(known) == 1 else f"{len(known)} finished candidates are"
                print(f"Resuming {self.study.study_name!r}: {kept} kept.", file=sys.stderr)
        left = None if total is None else max(0, total - len(known))
        self.line = ProgressLine(left, "candidate", timeout=timeout, look=self._look, always=self._always)
        self.line.notes = {"failed": 0, STOPPED_EARLY: 0}
        for scores in known:
            self._enter(list(scores))

    def fitted(self, n: int) -> None:
        """Count fits."""
        self._n_fits += n

    def ended(self, params: Params, scores: list[float], failed: bool, reason: str = "") -> None:
        """Take in how a candidate ended.

        Args:
            scores: by split; NaN where it was not run.
            failed: whether a fit failed.
            reason: it was given up, in words.
        """
        whole = not reason
        if self._shows:
            self._ends.append((scores, whole, failed))
            self._n_saved += sum(map(math.isnan, scores)) if reason else 0
        if self._logs:
            self._tell(params, scores, reason)
        self._n_ended += 1

    def _tell(self, params: Params, scores: list[float], reason: str) -> None:
        number, mean = self._kept + self._n_ended, math.fsum(scores) / len(scores)
        before, leader = self._logged
        if reason:
            _log.info("candidate %d was stopped early (%s); parameters: %s", number, reason, params)
        elif math.isnan(mean):
            _log.info("candidate %d failed, or has a score that is NaN; parameters: %s", number, params)
        elif mean > before:
            self._logged = mean, number
            _log.info("candidate %d ended with %.6g; parameters: %s; it is the best so far", number, mean, params)
        else:
            _log.info(
                "candidate %d ended with %.6g; parameters: %s; best: candidate %d with %.6g",
                number, mean, params, leader, before,
            )  # fmt: skip

    def phase(self, text: str) -> None:
        """Say what is done now, after the candidates."""
        if self.line is not None:
            self.line.phase = text

    def conclude(self, score: Any) -> None:
        """Show the honest score of what was chosen.

        Args:
            score: an honest score; None: there is none.
        """
        if self.line is not None and score is not None:
            self._paired = False  # what is known of the rows says more than the folds do
            self.line.say_honest(score.value, score.interval)

    def _enter(self, scores: list[float]) -> None:
        """Enter the scores of a candidate that was run on all splits."""
        mean = math.fsum(scores) / len(scores)
        if not math.isfinite(mean) or self.line is None:
            return
        self._folds.append(scores)
        if mean > self._best:
            self._best = mean
            self.line.best = say("best {}", f"{mean:.5g}")

    def _look(self) -> None:
        """Bring the line up to date."""
        line, new = self.line, False
        if line is None:
            return
        while self._ends:
            scores, whole, failed = self._ends.popleft()
            line.advance()
            if failed:
                line.notes["failed"] += 1
            elif not whole:
                line.notes[STOPPED_EARLY] += 1
            if whole:
                new = True
                self._enter(scores)
        if new and self._paired and self._folds and len(self._folds[0]) > 1 and len(self._folds) <= HONEST_CANDIDATES:
            found = honest_by_folds(self._folds)
            line.say_honest(found.value, found.interval)
        n_fits, pool = self._n_fits, self.pool
        if pool is not None:
            n_fits += pool.n_partial
            line.running = 0 if pool.inline else min(pool.under_way, pool.n_workers)
        if n_fits:
            saved = self._n_saved
            line.saved = say("{:,} fits, {:,} saved", n_fits, saved) if saved else say("{:,} fits", n_fits)

    def close(self, error: BaseException | None) -> None:
        """Close the line; after Ctrl-C, say how to resume, and mark the error as told."""
        line, is_interrupted = self.line, isinstance(error, KeyboardInterrupt)
        if line is None:
            return

        def last_words() -> str:
            if not is_interrupted:
                return ""
            error.told = True  # type: ignore[union-attr]  # for a program that would say it otherwise
            if self.study is not None:
                return how_to_go_on(self.study, self._go_on)
            return "\n".join([told("Interrupted."), told("To go on:"), f"  {self._go_on}"])

        line.close(last_words)
        self.line = None


def honest_by_folds(scores: list[list[float]]) -> HonestScore:
    """Return what the best of some candidates is likely to score, by its folds alone, which takes a millisecond.

    Args:
        scores: [C, K], finite; greater is better.
    """
    table = np.array(scores)
    return ScoreRange.of(None, table).keep(best_by_folds(-table).as_score())[0]


@contextmanager
def shown(progress: SearchProgress | None) -> Iterator[None]:
    """Close what shows the progress when the block ends."""
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        if progress is not None:
            progress.close(error)
        error = None  # or its traceback, in which this frame is, would keep itself alive
