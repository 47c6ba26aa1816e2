"""What one fit on one split gave: scores, times, the error, and what the scorer saw."""

from __future__ import annotations

import math
from typing import NamedTuple

from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.protocols import Data


class CaughtWarning(NamedTuple):
    """A warning on its way from a worker: its text, class, file and line."""

    text: str
    category: type[Warning]
    path: str
    line: int


class Outcome(NamedTuple):
    """What one fit on one split gave.

    Attributes:
        candidate, split: which one.
        test: the score on the test rows, or name to score.
        train: the same on the training rows; None if not wanted.
        fit_seconds, score_seconds: time taken.
        error: the traceback of a fit that failed, else None.
        predictions: what the scorer saw of the test rows, if that is recorded and can be.
        hopeless: whether the candidate was given up after this split, so that no more of its unit come.
        others: the same for each of several metrics, where all are recorded.
        warned: what was warned of in a worker up to here, and not told yet.
    """

    candidate: int
    split: int
    test: Data
    train: Data
    fit_seconds: float
    score_seconds: float
    error: str | None
    predictions: Predictions | None = None
    hopeless: bool = False
    others: dict[str, Predictions] | None = None
    warned: tuple[CaughtWarning, ...] = ()

    def figure(self, metric: str | None) -> float:
        """Return the score on the test rows, of the named metric where there are several; NaN if there is none."""
        if isinstance(self.test, dict):
            return float(self.test.get(metric, math.nan))
        return float(self.test)
