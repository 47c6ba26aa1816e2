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

A new storage is one subclass of `Storage`, one line in `registry.py` (or an entry point), and a test class derived from
`tunesmith.testing.storages.StorageConformance` that supplies the fixture `storage`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

from tunesmith.frozen import Fence, TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.artifacts import ArtifactPointers
from tunesmith.storage.attempts import Attempts
from tunesmith.storage.liveness import Liveness
from tunesmith.storage.records import Activity, Block, Claim, Increment, Lease, Others, StudyRecord

__all__ = ["Activity", "Block", "Claim", "Increment", "Lease", "Others", "Storage", "StudyRecord"]


class Storage(Attempts, ArtifactPointers, Liveness):
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
    def read_since(self, study_id: int, cursor: int) -> Increment:
        """Return the trials that finished since a cursor, the running ones and the paused ones.

        Args:
            study_id: the study.
            cursor: the `cursor` of the increment read before; 0: all trials.

        Returns:
            what was recorded since.
        """

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

    @abstractmethod
    def set_attr(
        self,
        study_id: int,
        number: int | None,
        key: str,
        value: Any,
        system: bool = False,
        fence: Fence | None = None,
    ) -> None:
        """Set an attribute of a study (number None) or of a trial.

        Args:
            study_id: the study.
            number: the trial; None: the study itself.
            key: the attribute's name.
            value: its value, as `tunesmith.storable.storable` returns it.
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
            change: is given the value, None if there is none, and returns the new one, as `tunesmith.storable.storable`
                does; the same object: nothing is written. It may be called several times.

        Returns:
            the value that is stored then.
        """
        present = next((study.system.get(key) for study in self.list_studies() if study.id == study_id), None)
        if (new := change(present)) is not present:
            self.set_attr(study_id, None, key, new, system=True)
        return new

    def close(self) -> None:
        """Close what the storage holds open; a later call opens it again."""
