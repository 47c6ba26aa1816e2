"""`Storage`: the contract of a storage, and when the study calls each method.

The calls for one trial: `claim` (promises a number, writes nothing), then the sampler proposes, `start` (one
transaction; None if another worker was faster), `report` for each reported value, `finish` (one transaction, durable
when it returns). An enqueued or released trial is WAITING; `claim` returns it before any new number.

A new storage is one subclass of `Storage`, one line in `registry.py` (or an entry point), and a test class derived from
`tunesmith.testing.storages.StorageConformance` that supplies the fixture `storage`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.frozen import TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.artifacts import ArtifactPointers


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
        attempt: int64[n], the attempt at which each trial ended.
        values: float64[n, m] in the user's directions, NaN where there is none.
        blocks: the points, grouped by the trials' own spaces.
        constraints: place -> constraint values, for trials that have any.
        reports: (number, step, value) of the curves of trials that finished since, and of the running ones, as in
            `TrialRecord.intermediate_values`.
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
    running: list[TrialRecord]


class Storage(ArtifactPointers):
    """Keeps studies and trials. All methods may be called by several threads and, for a shared store, processes.

    A storage never gives one trial to two live workers, never loses a finished one, and numbers the finishes of a study
    by `seq` = 1, 2, and so on, without a gap, in commit order. Every method that starts, finishes, adds or releases
    trials raises the study's `version` by one; reports and attributes do not.

    Every method that takes a study's id raises StudyNotFoundError if the study does not exist (any more), and
    StorageError if the store cannot be read or written. A method that raises has changed nothing.

    Attributes:
        name: its name in the registry.
        shared: whether other processes can change a study at the same time.
        only_here: whether a copy in a worker process is useless, because what it writes is lost.
    """

    name: ClassVar[str] = ""
    shared: ClassVar[bool] = False
    only_here: ClassVar[bool] = False

    @abstractmethod
    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        """Create a study.

        Args:
            name: unique in the storage; None: one is made up.
            directions: "minimize" or "maximize" for each objective.
            seed: the study's seed, 0 <= seed < 2**63.
            space: the declared space; None: define by run.

        Returns:
            its record.

        Raises:
            DuplicatedStudyError: the name is taken.
            ValueError: the name is empty, a direction is unknown, or the seed is out of range.
        """

    @abstractmethod
    def load_study(self, name: str | None) -> StudyRecord:
        """Return a study by name; None: the only study of the storage.

        Raises:
            StudyNotFoundError: there is no such study (the message suggests names), or several for None.
        """

    @abstractmethod
    def list_studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""

    @abstractmethod
    def delete_study(self, study_id: int) -> None:
        """Delete a study and its trials."""

    @abstractmethod
    def set_space(self, study_id: int, space: Space) -> None:
        """Declare the space of a study that was created without one.

        Args:
            study_id: the study.
            space: its space.
        """

    @abstractmethod
    def claim(self, study_id: int, worker: str, reserve: bool = False) -> Claim:
        """Claim the lowest WAITING trial, which becomes RUNNING under this worker, or else the next free number.

        Args:
            study_id: the study.
            worker: the worker's name.
            reserve: whether to take the number at once, by an empty RUNNING trial, so that `start` cannot fail. Without
                it, if no trial is waiting, nothing is written.

        Returns:
            the claim.
        """

    @abstractmethod
    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        """Write a RUNNING trial with its whole point, in one transaction.

        Args:
            study_id: the study.
            claim: what `claim` returned.
            trial: the record, with the point that the sampler proposed.

        Returns:
            the study's new version; None: another worker took the number, or the reserved trial was released.
        """

    @abstractmethod
    def report(self, study_id: int, number: int, attempt: int, step: int, value: float) -> None:
        """Store a value that an attempt of a RUNNING trial reported; durable on return.

        Nothing happens if the trial has a value for the step, is finished, or does not exist.

        Args:
            study_id: the study.
            number: the trial.
            attempt: the attempt that reports.
            step: the step of the value.
            value: the value.

        Raises:
            AttemptReplacedError: the trial was released, and is at a later attempt.
        """

    @abstractmethod
    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int] | None:
        """Record the end of a trial in one transaction; durable on return.

        Attributes and reports that only the storage has are kept; those of the record belong to its attempt. `worker`,
        `started` and `fixed` of the record are those that `start` got; its `previous_attempts` and `crashes` are
        ignored.

        Args:
            study_id: the study.
            trial: the record, with state, values, point, attributes and reports.

        Returns:
            (seq, version); None: this attempt of the trial is not running (it was told before, or released and given to
            another worker), and nothing is changed.

        Raises:
            KeyError: the study has no trial of this number.
            ValueError: the state is not final, the values do not fit the study's directions, or an attribute cannot be
                stored.
        """

    @abstractmethod
    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        """Add WAITING or finished trials under new numbers, all in one transaction.

        Earlier attempts are not taken over: each trial gets attempt 1, with the whole curve as its reports. The records
        are not changed and not kept; their attributes are copied by `storable`.

        Args:
            study_id: the study.
            trials: the records.

        Returns:
            the numbers.

        Raises:
            ValueError: a trial is RUNNING, or cannot be stored for a reason that `finish` names.
        """

    @abstractmethod
    def release(self, study_id: int, attempts: Mapping[int, int], crashed: bool = False) -> None:
        """Turn RUNNING trials of a dead or interrupted worker into WAITING ones, at the next attempt.

        `claim` returns such a trial with its point, so that it is run again as it was proposed. The reports of the
        attempt move to the trial's `previous_attempts`, with a copy of its attributes.

        Args:
            study_id: the study.
            attempts: the attempt of each trial, by number; those that are not running are ignored.
            crashed: whether their process died; `crashes` of each trial then rises by one.
        """

    @abstractmethod
    def heartbeat(self, study_id: int, worker: str) -> None:
        """Record a sign of life of a worker.

        Args:
            study_id: the study.
            worker: the worker's name.
        """

    @abstractmethod
    def read_since(self, study_id: int, cursor: int) -> Increment:
        """Return the trials that finished since a cursor, and the running ones.

        Args:
            study_id: the study.
            cursor: the `cursor` of the increment read before; 0: all trials.

        Returns:
            what was recorded since.
        """

    @abstractmethod
    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        """Return full records of trials.

        Args:
            study_id: the study.
            numbers: of these trials only; None: of all.
            states: of trials in these states only; None: in any.

        Returns:
            the records, ordered by number.

        Raises:
            KeyError: a number is not there.
        """

    @abstractmethod
    def best(self, study_id: int, direction: str) -> TrialRecord | None:
        """Return the best trial.

        Args:
            study_id: the study.
            direction: "minimize" or "maximize".

        Returns:
            the feasible COMPLETE trial with the best first value (the lowest number among equals); None: there is none.
        """

    @abstractmethod
    def count(self, study_id: int) -> dict[TrialState, int]:
        """Return the number of trials in each state."""

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
            number: the trial; None: the study itself.
            key: the attribute's name.
            value: its value, as `tunesmith.storable.storable` returns it.
            system: whether it is one of tunesmith's own.
            attempt: the attempt that sets it; None: the present attempt of the trial.

        Raises:
            AttemptReplacedError: the trial was released, and is at a later attempt than `attempt`.
            KeyError: the study has no trial of this number.
            ValueError: the value cannot be stored.
        """

    def close(self) -> None:
        """Close what the storage holds open; a later call opens it again."""
