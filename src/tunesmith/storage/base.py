"""`Storage`: the contract of a storage, and when the study calls each method.

The calls for one trial: `claim` (a number), then the sampler proposes, `start` (one transaction; None if another worker
was faster), `report` for each reported value, `finish` (one transaction, durable when it returns). An enqueued or
released trial is WAITING; `claim` returns it before any new number.

`pause` ends an attempt of a trial that may go on later; the trial is PAUSED, and no `claim` returns it. `resume` claims
it by its number.

A trial runs by attempts. Every write of an attempt carries its `Fence`: the number of the attempt, and the token of its
claim. Once the trial was released, a later attempt may run, and the writes of the earlier one are refused. Workers give
signs of life by `beat`; `expired` tells whose trials may be released. That a worker is expired refuses nothing by
itself: one that was only slow goes on, unless its trial was released meanwhile.

A new storage is one subclass of `Storage`, one line in `foundation/registry.py` (or an entry point), and a test class
derived from `tunesmith.testing.storages.StorageConformance` that supplies the fixture `storage`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import StorageError, StudyNotFoundError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import Fence, ReadsMetrics, TrialRecord


@checked()
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
        names = ("number", "state", "sampler_state", "attempt", "cost", "failure", "values")
        columns: dict[str, Any] = {name: getattr(self, name)[keep] for name in names}
        return replace(
            self,
            **columns,
            blocks=[Block(b.space, places[b.at[kept]], b.x[kept]) for b in self.blocks if (kept := keep[b.at]).any()],
            constraints={int(places[i]): limits for i, limits in self.constraints.items() if keep[i]},
            noise={int(places[i]): sd for i, sd in self.noise.items() if keep[i]},
            left_out=tuple(self.number[~keep].tolist()),
        )


class Moment(NamedTuple):
    """A study at one moment, for who only looks: its record, what was recorded since a cursor, the waiting trials.

    The records of waiting trials may lack their attributes.
    """

    record: StudyRecord
    increment: Increment
    waiting: list[TrialRecord]


class Storage(ABC):
    """Keeps studies and trials. All methods may be called by several threads and, for a shared store, processes.

    A storage never gives one trial to two live workers, never loses a finished one, and numbers the finishes of a study
    by `seq` = 1, 2, and so on, without a gap, so that who has read up to one misses none. Every method that starts,
    finishes, adds or releases trials raises the study's `version` by one; reports and attributes do not. A storage that
    is not `prompt` may give places and versions later, in batches, as soon as somebody reads.

    All methods may be called again after an error that leaves it open whether they worked: a claim, a start, a report
    or a finish with the same token and the same content is then the same one.

    Every method that takes a study's id raises StudyNotFoundError if the study does not exist (any more), and
    StorageError if the store cannot be read or written. A method that raises has changed nothing.

    Attributes:
        name: its name in the registry.
        shared: whether other processes can change a study at the same time.
        only_here: whether a copy in a worker process is useless, because what it writes is lost.
        prompt: whether ``start`` and ``finish`` give the next version and `seq` at once. Where many workers would wait
            for that, ``start`` of a reserved trial raises no version, and ``finish`` returns the `seq` 0: it is given
            in a batch, before the next ``read_since`` returns. Workers had better reserve their numbers there.
        lease: how a worker beats, and for how long it counts as alive.
    """

    name: ClassVar[str] = ""
    shared: ClassVar[bool] = False
    only_here: ClassVar[bool] = False
    prompt: bool = True
    lease: Lease = Lease()

    # -- studies -----------------------------------------------------------------------------------------------

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
    def rename_study(self, study_id: int, name: str) -> None:
        """Give a study another name; trials that run go on.

        Args:
            study_id: the study.
            name: unique in the storage.

        Raises:
            DuplicatedStudyError: another study has the name.
            ValueError: it is empty, or no text that can be stored.
        """

    @abstractmethod
    def set_space(self, study_id: int, space: Space) -> None:
        """Declare the space of a study that was created without one.

        Args:
            study_id: the study.
            space: its space.
        """

    # -- the way of a trial, from its claim to its end ---------------------------------------------------------

    @abstractmethod
    def claim(
        self, study_id: int, worker: str, reserve: bool = False, token: int = 0, below: int | None = None
    ) -> Claim:
        """Claim the lowest WAITING trial, which becomes RUNNING under this worker, or else the next free number.

        Args:
            study_id: the study.
            worker: the worker's name.
            reserve: whether to take the number at once, by an empty RUNNING trial, so that `start` cannot fail. Without
                it, if no trial is waiting, nothing is written.
            token: a number that no other claim has, 0 < token < 2**63; it is part of the trial's fence. 0: the fence is
                the attempt alone.
            below: claim no number that is this or higher.

        Returns:
            the claim.

        Raises:
            TrialsSpentError: no number below the limit is left.
        """

    @abstractmethod
    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        """Write a RUNNING trial with its whole point, in one transaction.

        Args:
            study_id: the study.
            claim: what `claim` returned.
            trial: the record, with the point that the sampler proposed, and the claim's token.

        Returns:
            the study's new version; None: another worker took the number, or the reserved trial was released.
        """

    @abstractmethod
    def report(
        self, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float = math.nan
    ) -> None:
        """Store a value that an attempt of a RUNNING trial reported; a server that dies may lose the last ones.

        Nothing happens if the attempt has a value for the step, or the trial is finished or does not exist.

        Args:
            study_id: the study.
            number: the trial.
            fence: the attempt that reports.
            step: the step of the value.
            value: the value; of a study with several objectives a tuple, which is stored whole or not at all.
            cost: what the trial spent since its report before; NaN: not known.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
        """

    def log(self, study_id: int, number: int, fence: Fence, metrics: Metrics) -> None:
        """Store metrics that an attempt of a RUNNING trial logged; a server that dies may lose the last ones.

        Nothing happens if the trial is finished or does not exist. A storage that does not have this method and
        `metrics` keeps none.

        Args:
            study_id: the study.
            number: the trial.
            fence: the attempt that logs.
            metrics: steps and values of each, in any order, up to `tunesmith.trial.metrics.WRITE_VALUES` in all, and
                somewhat more.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
        """
        raise StorageError(f"{type(self).__name__} keeps no metrics; use another storage for them")

    def metrics(
        self, study_id: int, numbers: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> dict[int, Metrics]:
        """Return the metrics of trials, over all attempts, as `tunesmith.trial.metrics.joined` puts them together.

        The records that a storage returns read theirs by this (`TrialRecord.read_metrics`).

        Args:
            study_id: the study.
            numbers: of these trials only; None: of all.
            names: these metrics only; None: all.

        Returns:
            The metrics by the number of the trial; trials without any are left out.
        """
        return {}

    def logged(self, study_id: int, name: str | None = None) -> dict[str, NDArray[np.int64]]:
        """Return the numbers of the trials that logged a metric, rising, by its name.

        Args:
            study_id: the study.
            name: this metric only; None: all, in alphabetical order.

        Returns:
            the numbers, by the name of each metric that anyone logged.
        """
        return {}

    def reads_metrics(self, study_id: int) -> ReadsMetrics:
        """Return what the records of a study read their metrics by."""
        return partial(self.metrics, study_id)

    @abstractmethod
    def pause(self, study_id: int, trial: TrialRecord) -> int:
        """End an attempt of a RUNNING trial that may go on later: the trial is PAUSED, at the next attempt.

        The record's point, cost, attributes and reports are stored. The reports of the attempt move to the trial's
        `previous_attempts`. A second call for the same attempt changes nothing.

        Args:
            study_id: the study.
            trial: the record.

        Returns:
            the study's new version; 0 where the storage is not `prompt`.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
            TrialFinishedError: it ended.
            KeyError: the study has no trial of this number.
            ValueError: an attribute cannot be stored.
        """

    @abstractmethod
    def resume(self, study_id: int, number: int, worker: str, token: int = 0) -> Claim | None:
        """Claim a PAUSED trial, which becomes RUNNING under this worker.

        Args:
            study_id: the study.
            number: the trial.
            worker: the worker's name.
            token: as in `claim`.

        Returns:
            the claim; None: the trial is not paused (any more).
        """

    @abstractmethod
    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        """Record the end of an attempt and with it of its trial, in one transaction; durable on return.

        A second call for the same attempt with the same state and values changes nothing. The result of an attempt that
        was replaced is refused, and kept as the note `late` of the attempt (see `tunesmith.trial.record.Attempt`).

        Attributes, reports and metrics that only the storage has are kept; those of the record belong to its attempt.
        `worker`, `started` and `fixed` of the record are those that `start` got; its `previous_attempts` and `crashes`
        are ignored.

        Args:
            study_id: the study.
            trial: the record, with state, values, point, attributes and reports.

        Returns:
            (seq, version), both 0 where the storage is not `prompt`.

        Raises:
            AttemptReplacedError: the trial was released, is run by another claim, or was ended because its worker
                seemed to be dead.
            TrialFinishedError: it ended otherwise.
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
    def release(self, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None = None) -> None:
        """Turn RUNNING trials of dead or interrupted workers into WAITING ones, at the next attempt.

        `claim` returns such a trial with its point, so that it is run again as it was proposed. The reports of the
        attempt move to the trial's `previous_attempts`, with a copy of its attributes.

        Args:
            study_id: the study.
            fences: the attempts to be released, by number; those that are not running are ignored.
            failure: why they ended; None: an interruption that nothing is to blame for. LOST and LEASE raise `crashes`
                of each trial by one.
        """

    @abstractmethod
    def renew(self, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None = None) -> Fence:
        """Begin the next attempt of a RUNNING trial under the same worker: an engine ran its task a second time.

        The reports of the attempt before move to `previous_attempts`, as in `release`.

        Args:
            study_id: the study.
            number: the trial.
            fence: the attempt that ended.
            token: of the next one, as in `claim`.
            failure: why it ended.

        Returns:
            the fence of the next attempt.

        Raises:
            AttemptReplacedError: the trial is not at that attempt any more, or does not run.
        """

    # -- who lives ---------------------------------------------------------------------------------------------

    @abstractmethod
    def beat(self, worker: str) -> None:
        """Record a sign of life of a worker: before its first claim, and every ``lease.beat`` seconds after that."""

    @abstractmethod
    def expired(self, study_id: int) -> list[TrialRecord]:
        """Return the RUNNING trials whose worker is dead as far as can be told.

        Time is the storage's own. Where it has no clock, a worker is dead when its beats stood still for the `ttl` by
        the monotonic clock of the process that looks. A process of this machine that is gone is dead at once. For one
        `ttl` after the storage was away nobody is. A program that asks by commands gives no signs of life: its name has
        the time from which on it counts as dead, see `tunesmith.foundation.worker_names.outside_worker`.

        Args:
            study_id: the study.

        Returns:
            their records; `failure` is LOST where the process is known to be gone, and LEASE where only its signs of
            life are missing.
        """

    def is_doubtful(self, study_id: int) -> bool:
        """Tell whether a RUNNING trial belongs to a worker that has given no sign of life since this was asked first.

        Args:
            study_id: the study.
        """
        return False

    # -- reading -----------------------------------------------------------------------------------------------

    @abstractmethod
    def read_since(self, study_id: int, cursor: int) -> Increment:
        """Return the trials that finished since a cursor, the running ones and the paused ones.

        Args:
            study_id: the study.
            cursor: the `cursor` of the increment read before; 0: all trials.

        Returns:
            what was recorded since.
        """

    def moment(self, study: int | str | None, cursor: int = 0) -> Moment:
        """Return a study with what was recorded since a cursor: all that who looks at it needs, but records.

        Overridden where one transaction reads it.

        Args:
            study: its id or its name; None: it is the only one.
            cursor: as for ``read_since``.

        Returns:
            the study as it is.

        Raises:
            StudyNotFoundError: there is no such study.
        """
        if isinstance(study, int):
            record = next((record for record in self.list_studies() if record.id == study), None)
            if record is None:
                raise StudyNotFoundError(f"there is no study of id {study} any more; it was deleted while in use")
        else:
            record = self.load_study(study)
        waiting = self.trials(record.id, states=[TrialState.WAITING])
        return Moment(record, self.read_since(record.id, cursor), waiting)

    def activity(self, study_id: int, own: Collection[int]) -> Activity | None:
        """Return what tells, at a low cost, whether others changed anything in a study since it was read.

        The study asks before it decides about one of its running trials, and reads only if it is another answer than
        before: most of what is new then is what this process has itself written.

        Args:
            study_id: the study.
            own: the numbers of the running trials whose reports the caller has itself written.

        Returns:
            the activity; None: only ``read_since`` can tell, as in a storage that does not override this.
        """
        return None

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

    def user_attrs(self, study_id: int) -> dict[int, dict[str, Any]]:
        """Return the user attributes of all trials that have any, by number.

        Overridden where they can be read without the records.
        """
        return {trial.number: dict(trial.user) for trial in self.trials(study_id) if trial.user}

    # -- attributes --------------------------------------------------------------------------------------------

    @abstractmethod
    def set_attr(
        self, study_id: int, number: int | None, key: str, value: Any, system: bool = False, fence: Fence | None = None
    ) -> None:
        """Set an attribute of a study (number None) or of a trial.

        Args:
            study_id: the study.
            number: the trial; None: the study itself.
            key: the attribute's name.
            value: its value, as `tunesmith.foundation.storable.storable` returns it.
            system: whether it is one of tunesmith's own.
            fence: the attempt that sets it; None: the present attempt of the trial, whoever runs it.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
            KeyError: the study has no trial of this number.
            ValueError: the value cannot be stored.
        """

    def change_study_attr(self, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
        """Change one of tunesmith's own attributes of a study; where processes share it, nobody changes it in between.

        Args:
            study_id: the study.
            key: the attribute's name.
            change: is given the value, None if there is none, and returns the new one, as
            `tunesmith.foundation.storable.storable`
                does; the same object: nothing is written. It may be called several times.

        Returns:
            the value that is stored then.
        """
        present = next((study.system.get(key) for study in self.list_studies() if study.id == study_id), None)
        if (new := change(present)) is not present:
            self.set_attr(study_id, None, key, new, system=True)
        return new

    # -- artifacts: which blob each of them points to ----------------------------------------------------------

    # A blob may be pointed to from the time that its writer publishes it until the last pointer to it is gone; after
    # that nothing can point to it any more, so that it can be deleted without a lock. Contents are in a `BlobStore`; a
    # storage that does not have these methods keeps no artifacts.

    def put_artifact(
        self, study_id: int, artifact: Artifact, fence: Fence | None = None
    ) -> tuple[Artifact, list[str]] | None:
        """Publish an artifact, in the place of the one of its name, in one transaction; durable on return.

        If an artifact of the study has the same content (`digest`), it points to the same blob. Without a `key` it can
        do nothing else. Its `attempt` is that of the trial.

        Args:
            study_id: the study.
            artifact: what to publish: `number` says of which trial, None: of the study.
            fence: the attempt that saves it; None: whoever runs the trial.

        Returns:
            the artifact as it was published, and the keys of blobs that no artifact points to since; None: it has no
            key, and no artifact of the study has this content; or the connection was lost when it was published, and it
            is not there now: it may have been removed since, with its blob, so the content is to be put anew.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim; nothing is published.
            KeyError: the study has no trial of this number.
        """
        raise StorageError(f"{type(self).__name__} keeps no artifacts; use another storage for them")

    def artifacts(self, study_id: int) -> list[Artifact]:
        """Return all artifacts of a study: its own first, then those of trials by number, each by name."""
        return []

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        """Return the artifacts of one trial, by name.

        Args:
            study_id: the study.
            number: the trial; None: the study itself.

        Returns:
            the records; none if there is no such trial.
        """
        return []

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        """Remove an artifact, in one transaction; one that is not there is ignored.

        Args:
            study_id: the study.
            number: its trial; None: the study itself.
            name: its name.
            fence: the attempt that removes it; None: whoever runs the trial.

        Returns:
            the keys of blobs that no artifact points to since.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
            KeyError: the study has no trial of this number.
        """
        return []

    def artifact_folder(self) -> str | None:
        """Return the folder for the contents where the user names none; None: the user has to."""
        return None

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close what the storage holds open; a later call opens it again."""
