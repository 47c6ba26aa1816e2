"""Which report of a trial is its result: the last one, the best one, or the mean of the last ones; and patience.

A curve is what a trial reported by step, over all of its attempts, in the user's direction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from tunesmith.foundation.arguments import is_whole
from tunesmith.foundation.text import did_you_mean, real, shown

LAST, BEST = "last", "best"
_MEAN = re.compile(r"mean of the last (\d{1,9})")
WAYS = '"last", "best" or "mean of the last 5", with any number from 1 on'


def checked_value(given: Any) -> str:
    """Return which reports are the result, as it was given.

    Raises:
        TypeError: it is no text.
        ValueError: it is none of the ways.
    """
    if not isinstance(given, str):
        raise TypeError(f"value= says which report of a trial is its result: {WAYS}; got {shown(given)}")
    if given in (LAST, BEST) or last_counted(given) > 0:
        return given
    raise ValueError(
        f"value= says which report of a trial is its result: {WAYS}; got {shown(given)}"
        f"{did_you_mean(given, (LAST, BEST, 'mean of the last 5'))}"
    )


def last_counted(value: str) -> int:
    """Return of how many of the last reports the result is the mean; 0: it is none."""
    match = _MEAN.fullmatch(value)
    return int(match.group(1)) if match else 0


def in_words(value: str) -> str:
    """Return which reports are the result, in words."""
    counted = last_counted(value)
    return f"the mean of the last {counted} reports" if counted else f"the {value} report"


def result_of(reports: Mapping[int, float], value: str, sign: float) -> float:
    """Return the result of a trial.

    Args:
        reports: its curve, not empty.
        value: which of them, as `checked_value` returns it.
        sign: 1 where the objective is minimised, -1 where it is maximised.

    Returns:
        It, in the user's direction; NaN: the reports that count are NaN, or one of those that the mean is of.
    """
    steps = sorted(reports)
    if value == BEST:
        step = best_step(reports, sign)
        return math.nan if step is None else reports[step]
    counted = [reports[step] for step in steps[-max(1, last_counted(value)) :]]
    try:
        return math.fsum(counted) / len(counted)
    except OverflowError:  # the sum is beyond what a float can hold
        return math.fsum(value / len(counted) for value in counted)
    except ValueError:  # infinities of both signs
        return math.nan


def best_step(reports: Mapping[int, float], sign: float) -> int | None:
    """Return the step of the best report, the first one among equals; None: all are NaN, or there are none.

    Args:
        reports: the curve.
        sign: as in `result_of`.
    """
    known = [step for step in sorted(reports) if reports[step] == reports[step]]
    return min(known, key=lambda step: sign * reports[step], default=None)


class Patience:
    """Tells when a run ends whose reports get no better.

    Args:
        reports: after how many of them in a row that were not better.
        min_delta: by how much a report is better at least.
        sign: as in `result_of`.

    Attributes:
        reports: that.
        is_over: whether there were so many.

    Raises:
        TypeError: an argument is no number, or the patience no whole one.
        ValueError: the patience is below 1, or `min_delta` negative, infinite or NaN.
    """

    def __init__(self, reports: Any, min_delta: Any, sign: float) -> None:
        if not is_whole(reports):
            raise TypeError(f"patience= takes a number of reports, 1 or more; got {shown(reports)}")
        if reports < 1:
            raise ValueError(f"patience= takes a number of reports, 1 or more; got {shown(reports)}")
        try:
            self._min_delta = real(min_delta)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"min_delta= takes a number, 0 or more; got {shown(min_delta)}") from None
        if not 0 <= self._min_delta < math.inf:
            raise ValueError(f"min_delta= takes a number, 0 or more; got {shown(min_delta)}")
        self.reports = int(reports)
        self._sign = sign
        self._best = math.inf
        self._since = 0

    @property
    def is_over(self) -> bool:
        """Whether so many reports in a row were not better."""
        return self._since >= self.reports

    def take(self, value: float) -> None:
        """Take in the next report; NaN is not better than anything."""
        if self._sign * value < self._best - self._min_delta:
            self._best, self._since = self._sign * value, 0
        else:
            self._since += 1
