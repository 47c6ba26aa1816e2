"""What pruning saved: how much of the training that full runs would have needed was not done.

Symbols: n complete trials, d columns of the history.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import median, median_low

import numpy as np

from tunesmith.curves import Curves
from tunesmith.history import History
from tunesmith.numerics.arrays import Floats
from tunesmith.state import TrialState

LOOKED_AT = 20  # complete trials, the latest, whose reports are counted
FEWEST = 5  # complete trials from which on a parameter is believed to order their lengths


@dataclass(frozen=True, slots=True)
class Savings:
    """What pruning saved, as far as it can be told.

    A partial trial is taken to go on to its own length, each step at its own cost. Its length is that which complete
    trials have at the same value of a parameter (a number of epochs that is searched, say), where one decides it; else
    the median length of complete trials. What a step costs is told by the reports after the first one, since that pays
    for the start-up too.

    Attributes:
        pruned: trials that were stopped early.
        paused: trials that may still go on.
        begun: all trials that reported.
        reports: what they reported.
        full_reports: what they would have reported as full runs.
        cost: what they cost up to their last reports, in seconds or the user's unit; NaN where that is not known.
        full_cost: what they would have cost as full runs, up to their last reports.
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
    states = {number: curves.state(number) for number in curves.numbers}
    partial = [n for n, state in states.items() if state in (TrialState.PRUNED, TrialState.PAUSED)]
    if not partial:
        return None
    ends = {n: curves.steps(n)[-1] for n, state in states.items() if state is TrialState.COMPLETE}
    counted = [*ends, *partial]
    at = {n: curves.steps(n)[-1] for n in partial}
    left = {n: max(0.0, length - at[n]) for n, length in _lengths(history, ends, partial).items()}
    reports = sum(map(curves.size, counted))
    cost = full_cost = math.nan
    if all(map(curves.known_costs, counted)):
        cost = math.fsum(map(curves.spent, counted))
        full_cost = cost + math.fsum(left[n] * step for n, step in _step_costs(curves, list(ends), partial).items())
    return Savings(
        sum(states[n] is TrialState.PRUNED for n in partial),
        sum(states[n] is TrialState.PAUSED for n in partial),
        len(counted),
        reports,
        reports + _reports_left(curves, ends, at, left),
        cost,
        full_cost,
    )


def _lengths(history: History, ends: dict[int, int], partial: Sequence[int]) -> dict[int, float]:
    """Return the last step that each partial trial would have as a full run.

    Args:
        history: the study.
        ends: the last steps of complete trials.
        partial: the numbers of the partial ones.
    """
    last = np.array(list(ends.values()), float)
    found = dict.fromkeys(partial, float(np.median(last)))
    if last.min() == last.max():
        return found
    rows = dict(zip(history.number.tolist(), history.x, strict=True))
    rows |= dict(zip(history.pending.number.tolist(), history.pending.x, strict=True))
    if not all(n in rows for n in (*ends, *partial)):  # one of them is being read
        return found
    x, rest = np.array([rows[n] for n in ends]), np.array([rows[n] for n in partial])
    rules = {j: rule for j, column in enumerate(x.T) if (rule := _rule(column, last)) is not None}
    if rules:
        best = min(rules, key=lambda j: rules[j][0])
        lengths = rules[best][1](rest[:, best])
        found |= {n: length for n, length in zip(partial, lengths.tolist(), strict=True) if length == length}
    return found


def _rule(column: Floats, last: Floats) -> tuple[int, Callable[[Floats], Floats]] | None:
    """Return how a parameter decides the last steps of trials; None: it does not.

    Args:
        column: its values [n].
        last: the last steps [n].

    Returns:
        How far the rule reaches, the smaller the better, and what tells the steps at other values, NaN at NaN.
    """
    if np.isnan(column).any() or column.min() == column.max():
        return None
    before = last[0] - column[0]
    if np.array_equal(last, column + before):  # it is the number of steps, counted from 0 or from 1
        return 0, lambda values: values + before
    values, first, count = np.unique(column, return_index=True, return_counts=True)
    steps = last[first]
    one_each = np.array_equal(last, steps[np.searchsorted(values, column)])
    in_order = len(last) >= FEWEST and (np.all(np.diff(steps) >= 0) or np.all(np.diff(steps) <= 0))
    if not one_each or not (in_order or count.min() > 1):
        return None
    return 1, lambda given: np.interp(given, values, steps)


def _step_costs(curves: Curves, complete: Sequence[int], partial: Sequence[int]) -> dict[int, float]:
    """Return what one more step of each partial trial costs.

    The reports after the first one tell it. Where a trial has none, it is what the first one cost without the start-up
    of other trials.

    Args:
        curves: of the study.
        complete: the complete trials.
        partial: the partial ones.
    """
    steps = {n: _step_cost(curves, n) for n in partial}
    if None not in steps.values():
        return {n: step for n, step in steps.items() if step is not None}
    starts, shares = [], []  # of trials that made more reports: start-ups, and what of the first report is no start-up
    for n in (*complete, *partial):
        step, first = _step_cost(curves, n), curves.known_costs(n).get(curves.steps(n)[0], 0.0)
        if step is not None and first > 0:
            own = step * _gap(curves, n)
            starts.append(first - own)
            shares.append(min(1.0, own / first))
    start = median(starts) if starts else 0.0
    least = min(shares, default=1.0)
    gap = median(_gap(curves, n) for n in complete)
    return {
        n: max(curves.spent(n) - start, least * curves.spent(n)) / gap if step is None else step
        for n, step in steps.items()
    }


def _step_cost(curves: Curves, number: int) -> float | None:
    """Return what a step of a trial costs after its first report; None: that is not known."""
    costs = curves.known_costs(number)
    each = [costs[step] / (step - before) for before, step in pairwise(curves.steps(number)) if step in costs]
    # The lower one of two in the middle: where a run was paused and went on, a report paid for another start-up.
    return median_low(each) if each else None


def _gap(curves: Curves, number: int) -> float:
    """Return how many steps lie between two reports of a trial; 1 if it made one."""
    gaps = [step - before for before, step in pairwise(curves.steps(number))]
    return float(median(gaps)) if gaps else 1.0


def _reports_left(curves: Curves, ends: dict[int, int], at: dict[int, int], left: dict[int, float]) -> int:
    """Return how many reports the partial trials would still make: those that complete ones made at the same steps.

    Args:
        curves: of the study.
        ends: the last steps of complete trials.
        at: the last steps of the partial ones.
        left: how many steps these have left.
    """
    looked_at = [(end, curves.steps(n)) for n, end in list(ends.items())[-LOOKED_AT:]]
    gap = median(_gap(curves, n) for n in list(ends)[-LOOKED_AT:])

    @cache
    def made(begin: int, end: float) -> int:
        found = [bisect_right(steps, end) - bisect_right(steps, begin) for last, steps in looked_at if last >= end]
        return round(median(found) if found else (end - begin) / gap)

    return sum(made(at[n], at[n] + steps) for n, steps in left.items())
