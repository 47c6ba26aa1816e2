"""The paused trial that leads: a search that ends runs it to its end, so that the best result is of full length."""

from __future__ import annotations

import numpy as np

from tunesmith.history import History
from tunesmith.state import TrialState


def paused_leader(history: History) -> int | None:
    """Return the paused trial whose last value is better than all complete trials have; None: there is none.

    Args:
        history: the study so far, with one objective.
    """
    last: dict[int, float] = {}
    for number in history.paused:
        _, values = history.curves.of(number)
        if len(values) and values[-1] == values[-1]:
            last[number] = float(values[-1])
    if not last:
        return None
    leader = min(last, key=lambda number: (last[number], number))
    done = history.y[(history.state == int(TrialState.COMPLETE)) & history.feasible, 0]
    return leader if not len(done) or last[leader] < float(np.min(done)) else None


def spent(history: History) -> float:
    """Return what all trials of a study cost so far, in seconds or the user's unit, as far as it is known."""
    return float(np.nansum(history.cost)) + sum(map(history.curves.spent, history.running + history.paused))
