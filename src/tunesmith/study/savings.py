"""What pruning saved: how much of the training that full runs would have needed was not done."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunesmith.history import History
from tunesmith.state import TrialState


@dataclass(frozen=True, slots=True)
class Savings:
    """What pruning saved, as far as it can be told: a full run is taken to be as long as the median complete one.

    Attributes:
        pruned: trials that were stopped early.
        paused: trials that may still go on.
        begun: all trials that reported.
        reports: what they reported.
        full_reports: what they would have reported as full runs.
        cost: what they cost, in seconds or the user's unit; NaN where that is not known.
        full_cost: what they would have cost as full runs, each report at its own trial's average.
    """

    pruned: int
    paused: int
    begun: int
    reports: int
    full_reports: int
    cost: float
    full_cost: float

    def __str__(self) -> str:
        parts = [f"{n} {word}" for n, word in ((self.pruned, "stopped early"), (self.paused, "paused")) if n]
        text = (
            f"{' and '.join(parts)} of {self.begun} trials: {self.reports:,} of {self.full_reports:,} reports of full "
            "runs were made"
        )
        if 0 < self.cost < self.full_cost:
            text += f", for {self.cost / self.full_cost:.0%} of their cost"
        return text + "."

    def note(self) -> str:
        """Return what a reader of a result is to know of the partial trials."""
        n = self.pruned + self.paused
        return (
            f"{n} of {self.begun} trials are partial (stopped early or paused), and are not compared here; the figures "
            "are those of full runs."
        )


def savings(history: History) -> Savings | None:
    """Return what pruning saved; None: nothing was pruned, or no run is complete to compare with.

    Args:
        history: a study.
    """
    curves = history.curves
    if not curves.n_complete:
        return None
    made = {number: curves.size(number) for number in curves.numbers}
    states = {number: curves.state(number) for number in made}
    partial = [n for n, state in states.items() if state in (TrialState.PRUNED, TrialState.PAUSED)]
    if not partial:
        return None
    full = int(np.median([made[n] for n, state in states.items() if state is TrialState.COMPLETE]))
    counting = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.PAUSED)
    counted = [n for n, state in states.items() if state in counting]
    spent = {n: curves.spent(n) for n in counted}
    known = all(cost > 0 for cost in spent.values())
    return Savings(
        sum(states[n] is TrialState.PRUNED for n in partial),
        sum(states[n] is TrialState.PAUSED for n in partial),
        len(counted),
        sum(made[n] for n in counted),
        sum(max(full, made[n]) for n in counted),
        math.fsum(spent.values()) if known else math.nan,
        math.fsum(spent[n] * max(full, made[n]) / made[n] for n in counted) if known else math.nan,
    )
