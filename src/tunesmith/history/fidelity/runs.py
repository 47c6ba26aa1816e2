"""The runs of a study as arrays: what is known of their ends is read from them.

Symbols: n runs, k reports of one, d parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats, Ints
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.space import Space


class RunState(IntEnum):
    """What has become of a run."""

    RUNNING = 0
    PAUSED = 1  # it can be gone on with
    COMPLETE = 2  # it came to its end
    STOPPED = 3  # it was given up for good
    FAILED = 4


_STATES = {
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

    def __post_init__(self) -> None:
        n = len(self.number)
        lengths = [len(part) for part in (self.u, self.state, self.steps, self.values, self.costs, self.ends)]
        if any(k != n for k in lengths):
            raise ValueError(f"Runs: {n} numbers, but the other fields have {lengths} rows; give each as many")
        for k, (s, v, c) in enumerate(zip(self.steps, self.values, self.costs, strict=True)):
            if not len(s) == len(v) == len(c):
                raise ValueError(
                    f"Runs: run {int(self.number[k])} has {len(s)} steps, {len(v)} values and {len(c)} costs; give one "
                    "of each per report (NaN: unknown)"
                )

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
        finished = [int(_STATES[TrialState(s)]) for s in history.state.tolist()]
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
