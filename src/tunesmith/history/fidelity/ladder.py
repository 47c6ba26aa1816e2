"""Rungs: the lengths at which runs are compared, and what each run had reached there.

A rung is a number of reports (its position), not a step, so it does not matter whether steps count from 0 or 1, or by
hundreds. Positions grow by the factor `GROWTH`, up to the length of a full run; while no run has come to its end, that
length is taken to be the rung after the longest run.

Symbols: n runs, L rungs, p[L] positions, k reports of the longest run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Ints, Mask
from tunesmith.history.fidelity.runs import Runs, RunState

FIRST = 2  # reports at the first rung: one alone orders runs hardly better than chance
GROWTH = 3  # of positions from rung to rung
LAST_GAP = 1.5  # the last rung but one lies at least this factor below the last


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """The rungs of a study.

    Attributes:
        positions: number of reports at each rung, rising [L].
        first: the first step that is reported.
        stride: steps from one report to the next.
        is_known: whether the last rung is known to be the end of a full run.
    """

    positions: Ints
    first: int
    stride: int
    is_known: bool

    @classmethod
    def of(cls, runs: Runs) -> Ladder:
        """Return the rungs that the reports of some runs suggest."""
        begun = [s for s in runs.steps if len(s)]
        first = min((int(s[0]) for s in begun), default=1)
        gaps = np.array([(s[-1] - s[0]) / (len(s) - 1) for s in begun if len(s) > 1])
        stride = max(1, round(float(np.median(gaps)))) if len(gaps) else 1
        ends = np.array([int(s[-1]) if len(s) else first - stride for s in runs.steps], np.int64)
        length = (ends - first) // stride + 1
        longest = max(int(length.max(initial=0)), 1)
        end = int(length[runs.state == RunState.COMPLETE].max(initial=0))
        is_known = end >= longest
        grid = [FIRST]
        while grid[-1] <= longest:
            grid.append(grid[-1] * GROWTH)
        if is_known:
            grid = [p for p in grid if p * LAST_GAP <= end]
            while grid and grid[-1] * GROWTH * LAST_GAP <= end:
                grid.append(grid[-1] * GROWTH)
            grid.append(end)
        return cls(np.array(grid, np.int64), first, stride, is_known)

    def position(self, step: int) -> int:
        """Return the number of reports up to a step."""
        return (step - self.first) // self.stride + 1


@dataclass(frozen=True, slots=True, eq=False)
class RungTable:
    """What runs had reached at each rung, and what it cost.

    Attributes:
        loss: of the last report up to the rung, at the last rung what a complete run returned [n, L]; NaN: not reached;
            infinite: it was no number.
        reached: how many rungs each run has reached [n].
        position: how many reports it is long [n].
        ended: which runs nothing more is to be expected of [n].
        rate: what a report costs, a start apart [n]; NaN where that is not known.
        start: what it costs to begin or to go on (to load data, to compile), beside the reports; 0 if it is not known.
    """

    loss: Floats
    reached: Ints
    position: Ints
    ended: Mask
    rate: Floats
    start: float

    @classmethod
    def of(cls, runs: Runs, ladder: Ladder) -> RungTable:
        """Return the table of some runs."""
        n, p = len(runs), ladder.positions
        count = np.array([len(s) for s in runs.steps], np.int64)
        inside = np.arange(max(int(count.max(initial=0)), 1)) < count[:, None]  # [n, k]
        at = _padded(runs.steps, inside, ladder.first - ladder.stride)
        at = (at - ladder.first) // ladder.stride + 1
        values = _padded(runs.values, inside, np.nan)
        values = np.where(np.isfinite(values), values, np.inf)
        row, last = np.arange(n), np.maximum(count - 1, 0)
        position = np.maximum(at[row, last], 0)
        complete = runs.state == RunState.COMPLETE
        diverged = (runs.state == RunState.FAILED) | ((count > 0) & ~np.isfinite(values[row, last]))
        loss = np.full((n, len(p)), np.nan)
        for rung, reports in enumerate(p):
            upto = ((at <= reports) & inside).sum(axis=1)
            has = (upto > 0) & ((position >= reports) | diverged | complete)
            loss[has, rung] = values[row, np.maximum(upto - 1, 0)][has]
        for rung in range(len(p) - 2, -1, -1):  # a run that reported first beyond a rung
            unseen = np.isnan(loss[:, rung])
            loss[unseen, rung] = loss[unseen, rung + 1]
        loss[complete, -1] = np.where(np.isnan(runs.ends[complete]), loss[complete, -1], runs.ends[complete])
        ended = diverged | complete | (runs.state == RunState.STOPPED)
        rate, start = _apart(runs, ladder)
        return cls(loss, (position[:, None] >= p).sum(axis=1), position, ended, rate, start)


def _apart(runs: Runs, ladder: Ladder) -> tuple[Floats, float]:
    """Return what a report of each run costs [n], NaN: not known; and what a start costs beside it.

    The first report of a run pays for its start. Of the others the median counts, the lower of two in the middle: where
    a run was paused, one of them paid for another start.
    """
    rate, starts = np.full(len(runs), np.nan), []
    for k, (steps, costs) in enumerate(zip(runs.steps, runs.costs, strict=True)):
        each = np.sort(costs[1:] * ladder.stride / np.diff(steps))
        each = each[np.isfinite(each) & (each > 0)]
        if len(each):
            rate[k] = each[(len(each) - 1) // 2]
            starts.append(float(costs[0]) - rate[k] * ladder.position(int(steps[0])))
    starts = [s for s in starts if np.isfinite(s)]
    return rate, max(float(np.median(starts)), 0.0) if starts else 0.0


def _padded(parts: tuple[np.ndarray, ...], inside: Mask, fill: float) -> np.ndarray:
    """Return arrays of several lengths as the rows of one [n, k], which `inside` says where they lie in."""
    whole = np.full(inside.shape, fill, parts[0].dtype if len(parts) else np.float64)
    if len(parts):
        whole[inside] = np.concatenate(parts)
    return whole
