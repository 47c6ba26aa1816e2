"""The runs of a study as arrays: what a multi-fidelity decision is made from, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Floats, Ints


class RunState(IntEnum):
    """What has become of a run."""

    RUNNING = 0
    PAUSED = 1  # it can be gone on with
    COMPLETE = 2  # it came to its end
    STOPPED = 3  # it was given up for good
    FAILED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """All runs of a study; rows in rising order of their numbers.

    Attributes:
        number: int64[n].
        u: points of the unit cube, as `Space.to_unit` makes them, NaN where inactive [n, d].
        state: a `RunState` each, int8[n].
        steps: the steps that each run reported, rising, int64[k] each.
        values: what it reported, minimised; NaN and infinities may be among them, float64[k] each.
        costs: seconds, or what the user counts, since its beginning at each report; NaN where unknown, float64[k] each.
        until: the step that a running run is paused and judged at, int64[n]; -1: it runs to its end, or is not running.
        resumable: whether a paused run goes on from a checkpoint; if not it starts afresh, and pays its steps again.
        last_step: the last step of a full run, where it is known.
    """

    number: Ints
    u: Floats
    state: NDArray[np.int8]
    steps: tuple[Ints, ...]
    values: tuple[Floats, ...]
    costs: tuple[Floats, ...]
    until: Ints
    resumable: bool = True
    last_step: int | None = None

    def __post_init__(self) -> None:
        n = len(self.number)
        lengths = [len(part) for part in (self.u, self.state, self.steps, self.values, self.costs, self.until)]
        if any(k != n for k in lengths):
            raise ValueError(f"Runs: {n} numbers, but the other fields have {lengths} rows; give each as many")
        for k, (s, v, c) in enumerate(zip(self.steps, self.values, self.costs, strict=True)):
            if not len(s) == len(v) == len(c):
                raise ValueError(
                    f"Runs: run {int(self.number[k])} has {len(s)} steps, {len(v)} values and {len(c)} costs; give one "
                    "of each per report (NaN: unknown)"
                )

    def paused(self, row: int) -> Runs:
        """Return the same runs with one of them paused."""
        state, until = self.state.copy(), self.until.copy()
        state[row], until[row] = RunState.PAUSED, -1
        return replace(self, state=state, until=until)

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Start a new run.

    Attributes:
        x: its internal values [d].
        until_step: the step at or after which it is paused and judged again; None: it runs to its end.
    """

    x: Floats
    until_step: int | None


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a paused run.

    Attributes:
        number: of the run.
        until_step: the step at or after which it is paused and judged again; None: it runs to its end.
    """

    number: int
    until_step: int | None


Action = Start | Resume
