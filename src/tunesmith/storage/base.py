"""The contract of a storage: what it keeps, and when the study calls it.

A trial's way: ``claim`` (a promise of a number, nothing written) -> the sampler proposes -> ``start`` (one
transaction; None if another worker was faster) -> ``report`` ... -> ``finish`` (one transaction, durable when it
returns). An enqueued or released trial is WAITING; ``claim`` hands it out before any new number.

A new storage is one subclass of :class:`Storage`, one line in ``registry.py`` (or an entry point), and a test class
derived from :class:`tunesmith.testing.storages.StorageConformance` that supplies the fixture ``storage``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Space
from tunesmith.trial import FrozenTrial, TrialState


@dataclass(slots=True)
class StudyRecord:
    """What a storage keeps of a study: created once, read by every worker.

    Attributes:
        id: the storage's own key.
        name: unique in the storage.
        directions: "minimize" or "maximize" for each objective.
        seed: the study's seed, 0 <= seed < 2**63.
        space: the declared space, or None for define-by-run.
        created: unix time, seconds.
        user: user attributes.
        system: attributes of tunesmith's own (a search's fingerprint, say).
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
        reserved: whether the trial already stands in the storage under this worker's name (an enqueued or released
            trial, or a claim made with ``reserve=True``); ``start`` then cannot lose.
        trial: the record of a reserved trial: fixed parameters, attempt, attributes; None for a new one.
    """

    number: int
    version: int
    reserved: bool = False
    trial: FrozenTrial | None = None


@dataclass(slots=True)
class Block:
    """Finished trials that share one space, as columns: ``at`` are their places in the increment's order."""

    space: Space | None
    at: NDArray[np.int64]
    x: NDArray[np.float64]


@dataclass(slots=True)
class Increment:
    """What was recorded since a cursor: finished trials as columns in commit order, and who is running now.

    Attributes:
        cursor: the `seq` of the last finished trial read; pass it to the next ``read_since``.
        version: the study's change counter at the time of reading.
        number: int64[n] trial numbers. state: int8[n]. sampler_state: int64[n]. cost: float64[n], seconds.
        attempt: int64[n], at which attempt each trial ended.
        values: float64[n, m] in the user's directions, NaN where there is none.
        blocks: the points, grouped by the trials' own spaces.
        constraints: place -> constraint values, for trials that have any.
        reports: (number, step, value) of the curves of trials that finished since, and of the running ones, as
            ``intermediate_values`` has them.
        running: the running trials (number, space, x, sampler_state, worker, attempt, started).
    """

    cursor: int
    version: int
    number: NDArray[np.int64]
    state: NDArray[np.int8]
    sampler_state: NDArray[np.int64]
    attempt: NDArray[np.int64]
    cost: NDArray[np.float64]
    values: NDArray[np.float64]
    blocks: list[Block]
    constraints: dict[int, dict[str, float]]
    reports: list[tuple[int, int, float]]
    running: list[FrozenTrial]


class Storage(ABC):
    """Keeps studies and trials. All methods may be called from several threads and, for a shared store, processes.

    A storage never hands one trial to two live workers, never loses a finished one, and numbers finishes per study
    by ``seq`` = 1, 2, ... without a gap in commit order. Every method that starts, finishes, adds or releases trials
    raises the study's ``version`` by one; reports and attributes leave it as it is.

    Every method that takes a study's id raises StudyNotFoundError if there is no such study (any more), and
    StorageError if the store cannot be read or written. A method that raises has changed nothing.
    """

    name: ClassVar[str] = ""
    shared: ClassVar[bool] = False  # whether other processes can change a study behind our back
    only_here: ClassVar[bool] = False  # whether a copy that a worker process gets would be no use: writes would be lost

    @abstractmethod
    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        """Create a study; a missing name is made up, and unique.

        Raises:
            DuplicatedStudyError: the name is taken.
            ValueError: the name is empty, a direction is no direction, or the seed is out of range.
        """

    @abstractmethod
    def load_study(self, name: str | None) -> StudyRecord:
        """Read a study by name; None: the only study of the storage.

        Raises:
            StudyNotFoundError: no such study (the message lists near names), or None is not unique.
        """

    @abstractmethod
    def list_studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""

    @abstractmethod
    def delete_study(self, study_id: int) -> None:
        """Remove a study and its trials."""

    @abstractmethod
    def set_space(self, study_id: int, space: Space) -> None:
        """Declare the space of a study that was created without one."""

    @abstractmethod
    def claim(self, study_id: int, worker: str, reserve: bool = False) -> Claim:
        """Return the lowest WAITING trial, now RUNNING under this worker (reserved), or else the next free number.

        With ``reserve`` the number is taken at once (an empty RUNNING trial), so that ``start`` cannot lose. Without,
        and with no trial waiting, nothing is written.
        """

    @abstractmethod
    def start(self, study_id: int, claim: Claim, trial: FrozenTrial) -> int | None:
        """Write a RUNNING trial with its whole point, in one transaction.

        Returns:
            The study's new version, or None if the number was taken since the claim (of a reserved trial: if it was
            released since).
        """

    @abstractmethod
    def report(self, study_id: int, number: int, attempt: int, step: int, value: float) -> None:
        """Keep one value that an attempt of a RUNNING trial reported, durable; a step that it has is left as it is.

        A trial that is finished, or not there, takes none.

        Raises:
            AttemptReplacedError: the trial was released since, and is at a later attempt.
        """

    @abstractmethod
    def finish(self, study_id: int, trial: FrozenTrial) -> tuple[int, int] | None:
        """Record the end of a trial (state, values, point, attributes, ...) in one transaction; durable on return.

        Attributes and reports that the storage has and the record has not are kept; those of the record belong to its
        attempt. ``worker``, ``started`` and ``fixed`` of the record are those that ``start`` got, and its
        ``previous_attempts`` and ``crashes`` are the storage's own.

        Returns:
            (seq, version); None if this attempt of the trial is not running any more (told already, or released and
            handed to another worker), in which case nothing is changed.

        Raises:
            KeyError: the study has no trial of this number.
            ValueError: the state is not final, the values do not fit the study's directions, or an attribute cannot be
                kept.
        """

    @abstractmethod
    def add(self, study_id: int, trials: Sequence[FrozenTrial]) -> list[int]:
        """Add WAITING or finished trials under new numbers, all in one transaction; return the numbers.

        What earlier attempts left is not taken over: they get attempt 1, with the whole curve as its reports. The
        records given are not changed and not kept; of their attributes ``storable`` copies are.

        Raises:
            ValueError: a trial is RUNNING, or cannot be kept for a reason that ``finish`` names.
        """

    @abstractmethod
    def release(self, study_id: int, attempts: Mapping[int, int], crashed: bool = False) -> None:
        """Turn RUNNING trials of a dead or interrupted worker into WAITING ones; attempt + 1; the proposal is kept.

        ``claim`` hands such a trial out with ``trial.x``/``trial.space`` set: it is run again as it was proposed. What
        the attempt reported and noted goes to its ``previous_attempts``; the attributes stay those of the trial.

        Args:
            study_id: the study.
            attempts: which attempt of which trial, by number. Those that do not run (any more) are ignored.
            crashed: whether their process died; each such trial's ``crashes`` is then one more.
        """

    @abstractmethod
    def heartbeat(self, study_id: int, worker: str) -> None:
        """Note that a worker lives."""

    @abstractmethod
    def read_since(self, study_id: int, cursor: int) -> Increment:
        """Return the trials finished after the cursor (0: all), and the running ones."""

    @abstractmethod
    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return full records, ordered by number.

        Raises:
            KeyError: a number is not there.
        """

    @abstractmethod
    def best(self, study_id: int, direction: str) -> FrozenTrial | None:
        """Return the feasible COMPLETE trial with the best first value (the lowest number among equals), or None.

        Args:
            study_id: the study.
            direction: "minimize" or "maximize".
        """

    @abstractmethod
    def count(self, study_id: int) -> dict[TrialState, int]:
        """Return how many trials there are in each state."""

    @abstractmethod
    def set_attr(
        self,
        study_id: int,
        number: int | None,
        key: str,
        value: Any,
        system: bool = False,
        attempt: int | None = None,
    ) -> None:
        """Set an attribute of a study (number None) or of a trial.

        Args:
            study_id: the study.
            number: of the trial; None: of the study itself.
            key: the attribute's name.
            value: its value, as :func:`tunesmith.storable.storable` returns it.
            system: one of tunesmith's own.
            attempt: who sets it; None: whoever, it belongs to the attempt that the trial is at.

        Raises:
            AttemptReplacedError: the trial was released since, and is at a later attempt than `attempt`.
            KeyError: the study has no trial of this number.
            ValueError: the value cannot be kept.
        """

    def close(self) -> None:  # noqa: B027 - not abstract: a storage may hold nothing
        """Give back what the storage holds open; a later call opens it again."""
