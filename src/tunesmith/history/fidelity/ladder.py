"""The runs of a study as arrays; rungs, the lengths at which they are compared; and what each had reached there.

A rung is a number of reports (its position), not a step, so it does not matter whether steps count from 0 or 1, or by
hundreds. Positions grow by the factor `RUNG_GROWTH`, up to the length of a full run; while no run has come to its end,
that length is taken to be the rung after the longest run.

Symbols: n runs, L rungs, p[L] positions, k reports of the longest run (of one run, where it says so), d parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats, Ints, Mask
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.costs import step_cost
from tunesmith.history.curves import Curves
from tunesmith.space import Space

FIRST_RUNG = 2  # reports at the first rung: one alone orders runs hardly better than chance
RUNG_GROWTH = 3  # of positions from rung to rung
LAST_GAP = 1.5  # the last rung but one lies at least this factor below the last


class RunState(IntEnum):
    """What has become of a run."""

    RUNNING = 0
    PAUSED = 1  # it can be gone on with
    COMPLETE = 2  # it came to its end
    STOPPED = 3  # it was given up for good
    FAILED = 4


_RUN_STATES = {
    TrialState.COMPLETE: RunState.COMPLETE,
    TrialState.PRUNED: RunState.STOPPED,
    TrialState.FAIL: RunState.FAILED,
}
Curve = tuple[Ints, Floats, Floats]

# Curves of trials as arrays, with the number of reports they were made of: most are as they were at the last decision.
_known: WeakKeyDictionary[Curves, dict[int, tuple[int, Curve]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """All runs of a study; rows in rising order of their numbers.

    Attributes:
        number: int64[n].
        u: points of the unit cube, as `Space.to_unit` makes them, NaN where inactive [n, d].
        state: a `RunState` each, int8[n].
        steps: the steps that each run reported, rising, int64[k] each.
        values: what it reported, minimised; NaN and infinities may be among them, float64[k] each.
        costs: what each report cost since the one before, in seconds or the user's unit; NaN where unknown, float64[k]
            each.
        ends: the values of complete runs that violate no constraint, minimised, float64[n]; NaN of others.
    """

    number: Ints
    u: Floats
    state: NDArray[np.int8]
    steps: tuple[Ints, ...]
    values: tuple[Floats, ...]
    costs: tuple[Floats, ...]
    ends: Floats

    @classmethod
    def of(cls, history: History, space: Space) -> Runs:
        """Return the runs of a study with one objective.

        Args:
            space: whose unit cube the points are given in.

        Returns:
            All trials that have begun, by number.
        """
        pending, paused = history.pending, set(history.paused)
        number = np.concatenate([history.number, pending.number])
        order = np.argsort(number, kind="stable")
        unit = np.clip(space.to_unit(history.pending_points(space)), 0.0, 1.0)
        finished = [int(_RUN_STATES[TrialState(s)]) for s in history.state.tolist()]
        begun = [int(RunState.PAUSED if n in paused else RunState.RUNNING) for n in pending.number.tolist()]
        ends = np.where(history.complete & history.feasible, history.y[:, 0], np.nan)
        number = number[order]
        found = [_curve(history.curves, n) for n in number.tolist()]
        steps, values, costs = zip(*found, strict=True) if found else ((), (), ())
        return cls(
            number,
            np.concatenate([history.unit(space), unit])[order],
            np.array(finished + begun, np.int8)[order],
            steps,
            values,
            costs,
            np.concatenate([ends, np.full(len(begun), np.nan)])[order],
        )

    def __len__(self) -> int:
        return len(self.number)


def _curve(curves: Curves, number: int) -> Curve:
    kept = _known.setdefault(curves, {})
    size = curves.size(number)
    before = kept.get(number)
    if before is None or before[0] != size:
        before = kept[number] = (size, (*curves.of(number), curves.costs_of(number)))
    return before[1]


# -- rungs, and what runs had reached there ---------------------------------------------------------------------------


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
        grid = [FIRST_RUNG]
        while grid[-1] <= longest:
            grid.append(grid[-1] * RUNG_GROWTH)
        if is_known:
            grid = [p for p in grid if p * LAST_GAP <= end]
            while grid and grid[-1] * RUNG_GROWTH * LAST_GAP <= end:
                grid.append(grid[-1] * RUNG_GROWTH)
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
            infinite: it was not a number.
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
        rate, start = _rates_and_start(runs, ladder)
        return cls(loss, (position[:, None] >= p).sum(axis=1), position, ended, rate, start)


def _rates_and_start(runs: Runs, ladder: Ladder) -> tuple[Floats, float]:
    """Return what a report of each run costs [n], NaN: not known; and what a start costs beside it.

    A report that cost nothing says nothing of others.
    """
    rate, starts = np.full(len(runs), np.nan), []
    for k, (steps, costs) in enumerate(zip(runs.steps, runs.costs, strict=True)):
        at, spent = steps.tolist(), (costs * ladder.stride).tolist()
        if (found := step_cost(at, {step: c for step, c in zip(at, spent, strict=True) if 0 < c < np.inf})) is not None:
            rate[k] = found
            starts.append(float(costs[0]) - found * ladder.position(at[0]))
    starts = [s for s in starts if np.isfinite(s)]
    return rate, max(float(np.median(starts)), 0.0) if starts else 0.0


def _padded(parts: tuple[np.ndarray, ...], inside: Mask, fill: float) -> np.ndarray:
    """Return arrays of several lengths as the rows of one [n, k], which `inside` says where they lie in."""
    whole = np.full(inside.shape, fill, parts[0].dtype if len(parts) else np.float64)
    if len(parts):
        whole[inside] = np.concatenate(parts)
    return whole
