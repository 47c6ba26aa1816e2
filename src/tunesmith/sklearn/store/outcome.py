"""The outcome of one fit on one split: scores, times, the error, and the predictions."""

from __future__ import annotations

import math
from typing import NamedTuple

from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.protocols import Scores


class CaughtWarning(NamedTuple):
    """A warning on its way from a worker: its text, class, file and line."""

    text: str
    category: type[Warning]
    path: str
    line: int


class Outcome(NamedTuple):
    """The outcome of one fit on one split.

    Attributes:
        candidate: the position of the candidate.
        split: the number of the split.
        test: the score on the test rows, or name to score.
        train: the same on the training rows; None if not wanted.
        fit_seconds: the time of the fit.
        score_seconds: the time of scoring.
        error: the traceback of a fit that failed, else None.
        predictions: what the scorer got for the test rows, if that is recorded.
        hopeless: whether the candidate was given up after this split, so that no more of its unit come.
        others: the same for each of several metrics, where all are recorded.
        warned: warnings of a worker that were not shown yet.
        unscored: the error of the scorer, in one line, where the unit is to tell it; else None.
    """

    candidate: int
    split: int
    test: Scores
    train: Scores
    fit_seconds: float
    score_seconds: float
    error: str | None
    predictions: Predictions | None = None
    hopeless: bool = False
    others: dict[str | None, Predictions] | None = None
    warned: tuple[CaughtWarning, ...] = ()
    unscored: str | None = None

    def figure(self, metric: str | None) -> float:
        """Return the score on the test rows, of the named metric where there are several; NaN if there is none."""
        if isinstance(self.test, dict):
            return float(self.test.get(metric, math.nan))
        return float(self.test)
