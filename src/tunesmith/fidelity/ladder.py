"""Rungs: the lengths at which runs are compared, and what each run had reached there.

A rung is a number of reports (its position), not a step, so it does not matter whether steps count from 0 or 1, or by
hundreds. Positions grow by the factor `GROWTH`, up to the length of a full run; while no run has come to its end, that
length is taken to be the rung after the longest run.

Symbols: n runs, L rungs, p[L] positions, k reports of the longest run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunesmith.fidelity.runs import Runs, RunState
from tunesmith.numerics.arrays import Floats, Ints, Mask

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
        if runs.last_step is not None:
            end = max((runs.last_step - first) // stride + 1, longest)
        else:
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

    def rung_of(self, step: int) -> int:
        """Return the highest rung that a run has reached at a step; -1: none."""
        return int(np.searchsorted(self.positions, self.position(step), side="right")) - 1

    def step(self, rung: int) -> int | None:
        """Return the step of a rung; None: the end of a full run."""
        if self.is_known and rung >= len(self.positions) - 1:
            return None
        return self.first + (int(self.positions[rung]) - 1) * self.stride


@dataclass(frozen=True, slots=True, eq=False)
class RungTable:
    """What runs had reached at each rung.

    Attributes:
        best: the least finite value up to the rung [n, L]; NaN: not reached; infinite: without a finite value.
        reached: how many rungs each run has reached [n].
        position: how many reports it is long [n].
        rate: what a report costs on average over the run; NaN where unknown [n].
        ended: which runs nothing more is to be expected of [n].
        diverged: which runs failed, or reported no number at last [n].
    """

    best: Floats
    reached: Ints
    position: Ints
    rate: Floats
    ended: Mask
    diverged: Mask

    @classmethod
    def of(cls, runs: Runs, ladder: Ladder) -> RungTable:
        """Return the table of some runs."""
        n, p = len(runs), ladder.positions
        count = np.array([len(s) for s in runs.steps], np.int64)
        inside = np.arange(max(int(count.max(initial=0)), 1)) < count[:, None]  # [n, k]
        at = _padded(runs.steps, inside, ladder.first - ladder.stride)
        at = (at - ladder.first) // ladder.stride + 1
        values = _padded(runs.values, inside, np.nan)
        costs = np.maximum.accumulate(np.nan_to_num(_padded(runs.costs, inside, 0.0), nan=0.0, posinf=0.0), axis=1)
        least = np.minimum.accumulate(np.where(np.isfinite(values), values, np.inf), axis=1)
        row, last = np.arange(n), np.maximum(count - 1, 0)
        position = np.maximum(at[row, last], 0)
        final = values[row, last]
        diverged = (runs.state == RunState.FAILED) | ((count > 0) & ~np.isfinite(final))
        ended = diverged | np.isin(runs.state, (RunState.COMPLETE, RunState.STOPPED))
        best = np.full((n, len(p)), np.nan)
        for rung, reports in enumerate(p):
            upto = ((at <= reports) & inside).sum(axis=1)
            has = (upto > 0) & ((position >= reports) | (diverged | (runs.state == RunState.COMPLETE)))
            best[has, rung] = least[row, np.maximum(upto - 1, 0)][has]
        for rung in range(len(p) - 2, -1, -1):  # a run that reported first beyond a rung
            unseen = np.isnan(best[:, rung])
            best[unseen, rung] = best[unseen, rung + 1]
        known = inside & (_padded(runs.costs, inside, np.nan) > 0)
        paid_at = np.where(known, np.arange(inside.shape[1]), -1).max(axis=1)
        rate = np.full(n, np.nan)
        paid = paid_at >= 0
        rate[paid] = costs[row, last][paid] / np.maximum(at[row, np.maximum(paid_at, 0)][paid], 1)
        return cls(best, (position[:, None] >= p).sum(axis=1), position, rate, ended, diverged)


def _padded(parts: tuple[np.ndarray, ...], inside: Mask, fill: float) -> np.ndarray:
    """Return arrays of several lengths as the rows of one [n, k], which `inside` says where they lie in."""
    whole = np.full(inside.shape, fill, parts[0].dtype if len(parts) else np.float64)
    if len(parts):
        whole[inside] = np.concatenate(parts)
    return whole
