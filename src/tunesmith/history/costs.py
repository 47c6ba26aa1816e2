"""What trials and starts cost, in coarse classes: what a decision may know of measured seconds.

Seconds differ from run to run, so two searches with one seed would differ if decisions were by them. A study finds out
the class once, when a decision needs it first, and stores it; every process that works on the study reads it from then
on, after a kill too. Where an objective says what a report costs (``report(cost=)``), nothing is measured: decisions of
a pruner are by what it said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.states import TrialState

# What is known of a study's costs, by name: two classes, and whether costs are given.
TRIAL, START, GIVEN = "trial", "start", "given"

FIRST = 2  # trials, of which the cheaper one tells the class: what is loaded once makes the first one dear
MOST = 100  # trials that are looked at
SLACK = 12.0  # times beyond the class, from which on most trials outvote the first ones: more than a new machine makes
NOTHING = 0.1  # seconds: a start below is cheap, for nobody waits for it


class CostClass(StrEnum):
    """How dear something is."""

    INSTANT = "instant"
    CHEAP = "cheap"
    MEDIUM = "medium"
    DEAR = "dear"


_OF_TRIALS = {CostClass.INSTANT: 0.002, CostClass.CHEAP: 0.02, CostClass.MEDIUM: 2.0, CostClass.DEAR: math.inf}
_OF_STARTS = {CostClass.CHEAP: 0.03, CostClass.MEDIUM: 0.12, CostClass.DEAR: math.inf}


def class_of_trials(cost: NDArray[np.float64], state: NDArray[np.int8]) -> CostClass | None:
    """Return how dear a trial of a study is: below 0.002, 0.02 or 2 seconds, or more; None: not known.

    The first trials tell, and more of them only where they are far beyond: a search that goes on with a machine of
    another speed finds the same.

    Args:
        cost: of the finished trials in order [n], in seconds or the user's unit.
        state: theirs [n]; one that failed says nothing.
    """
    known = cost[np.isfinite(cost) & (state != TrialState.FAIL)][:MOST].tolist()
    if not known:
        return None
    found = _class(min(known[:FIRST]), _OF_TRIALS)
    usual = _lower_median(known)
    order = list(_OF_TRIALS)
    least, most = (order.index(_class(usual * factor, _OF_TRIALS)) for factor in (1.0 / SLACK, SLACK))
    return found if least <= order.index(found) <= most else _class(usual, _OF_TRIALS)


def class_of_starts(starts: Sequence[float], shares: Sequence[float]) -> CostClass | None:
    """Return how dear a start is: below 3 or 12 per cent of a full run, or more; None: not known.

    Args:
        starts: seconds that starts took beside their first report.
        shares: the same as shares of what the reports of a full run cost.
    """
    if not starts:
        return None
    return CostClass.CHEAP if _lower_median(starts) < NOTHING else _class(_lower_median(shares), _OF_STARTS)


def _class(value: float, below: dict[CostClass, float]) -> CostClass:
    return next(found for found, bound in below.items() if value < bound or bound == math.inf)


def _lower_median(values: Sequence[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]
