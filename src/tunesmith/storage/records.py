"""What a storage hands out: records of studies, claims, increments of a history; and the lease of a worker."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.trial.record import TrialRecord


@dataclass(frozen=True, slots=True)
class Lease:
    """How a worker shows that it lives.

    Attributes:
        beat: seconds between two signs of life.
        ttl: seconds after the last one for which it counts as alive.
    """

    beat: float = 15.0
    ttl: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < 2 * self.beat <= self.ttl < math.inf:
            raise ValueError(f"a lease needs 0 < 2 * beat <= ttl, in seconds; got beat={self.beat}, ttl={self.ttl}")


@dataclass(slots=True)
class StudyRecord:
    """Stored data of a study, read by every worker.

    Attributes:
        id: the storage's key.
        name: unique in the storage.
        directions: "minimize" or "maximize" for each objective.
        seed: the study's seed, 0 <= seed < 2**63.
        space: the declared space, or None for define-by-run.
        created: unix time, seconds.
        user: user attributes.
        system: attributes that tunesmith sets, such as a search's fingerprint.
    """

    id: int
    name: str
    directions: tuple[str, ...]
    seed: int
    space: Space | None = None
    created: float = math.nan
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Claim:
    """The right to try to start a trial.

    Attributes:
        number: the trial's number.
        version: the study's change counter when the claim was made.
        reserved: whether the storage already has the trial, RUNNING under this worker's name (an enqueued or released
            trial, or a claim with `reserve=True`); no other worker can be faster then.
        trial: the record of a reserved trial, with fixed parameters, attempt and attributes; None for a new one.
    """

    number: int
    version: int
    reserved: bool = False
    trial: TrialRecord | None = None


Others = tuple[tuple[int, bool, int], ...]


class Activity(NamedTuple):
    """What happened in a study, as far as it can be told without reading it.

    Attributes:
        version: the study's change counter.
        others: the running trials of others by number: (number, whether it has a point, how much it has reported).
    """

    version: int
    others: Others


@dataclass(slots=True)
class Block:
    """Finished trials that share one space, as columns; `at` are their places in the increment."""

    space: Space | None
    at: NDArray[np.int64]
    x: NDArray[np.float64]


@dataclass(slots=True)
class Increment:
    """What was recorded since a cursor: finished trials as columns in commit order, and the running trials.

    Attributes:
        cursor: the `seq` of the last finished trial read; pass it to the next `read_since`.
        version: the study's change counter at the time of reading.
        number: int64[n] trial numbers. state: int8[n]. sampler_state: int64[n]. cost: float64[n], seconds.
        failure: int8[n], the `FailureKind` of FAIL trials, 0 where there is none or it is not known.
        attempt: int64[n], the attempt at which each trial ended.
        values: float64[n, m] in the user's directions, NaN where there is none.
        blocks: the points, grouped by the trials' own spaces.
        constraints: place -> constraint values, for trials that have any.
        noise: place -> standard deviations of the errors of the values, for trials that have them.
        reports: (number, step, value, cost) of the curves of trials that finished since, and of the running and paused
            ones, as in `TrialRecord.learning_curve`.
        running: the running trials (number, space, x, sampler_state, worker, attempt, started).
        paused: the paused trials, in the same form.
        left_out: the trials that `without` left out.
    """

    cursor: int
    version: int
    number: NDArray[np.int64]
    state: NDArray[np.int8]
    sampler_state: NDArray[np.int64]
    attempt: NDArray[np.int64]
    cost: NDArray[np.float64]
    failure: NDArray[np.int8]
    values: NDArray[np.float64]
    blocks: list[Block]
    constraints: dict[int, dict[str, float]]
    reports: list[tuple[int, int, Reported, float]]
    running: list[TrialRecord]
    paused: list[TrialRecord] = field(default_factory=list)
    noise: Mapping[int, Sequence[float]] = field(default_factory=dict)
    left_out: tuple[int, ...] = ()

    def without(self, numbers: Collection[int]) -> Increment:
        """Return the increment without the finished trials of some numbers; `left_out` says which it had."""
        keep = ~np.isin(self.number, list(numbers))
        if keep.all():
            return self
        places = np.cumsum(keep) - 1
        return replace(
            self,
            number=self.number[keep],
            state=self.state[keep],
            sampler_state=self.sampler_state[keep],
            attempt=self.attempt[keep],
            cost=self.cost[keep],
            failure=self.failure[keep],
            values=self.values[keep],
            blocks=[Block(b.space, places[b.at[kept]], b.x[kept]) for b in self.blocks if (kept := keep[b.at]).any()],
            constraints={int(places[i]): limits for i, limits in self.constraints.items() if keep[i]},
            noise={int(places[i]): sd for i, sd in self.noise.items() if keep[i]},
            left_out=tuple(self.number[~keep].tolist()),
        )
