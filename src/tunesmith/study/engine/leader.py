"""The paused trials that lead: a search that ends runs them to their ends, so that its best results are whole runs."""

from __future__ import annotations

import numpy as np

from tunesmith.history import History
from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.pareto import non_dominated
from tunesmith.state import TrialState


def paused_leader(history: History) -> int | None:
    """Return the paused trial whose last value is better than all complete trials have; None: there is none.

    With several objectives: the first one whose last values no complete or paused trial dominates.

    Args:
        history: the study so far.
    """
    last: dict[int, Floats] = {}
    for number in history.paused:
        _, values = history.curves.of(number)
        if len(values) and not np.isnan(values[-1]).any():
            last[number] = np.atleast_1d(values[-1])
    if not last:
        return None
    done = history.y[(history.state == int(TrialState.COMPLETE)) & history.feasible]
    if history.n_objectives > 1:
        leads = non_dominated(np.vstack([done, *last.values()]))[len(done) :]
        return min((number for number, on_front in zip(last, leads, strict=True) if on_front), default=None)
    leader = min(last, key=lambda number: (float(last[number][0]), number))
    return leader if not len(done) or last[leader][0] < np.min(done) else None


def spent(history: History) -> float:
    """Return what all trials of a study cost so far, in seconds or the user's unit, as far as it is known."""
    return float(np.nansum(history.cost)) + sum(map(history.curves.spent, history.running + history.paused))
