"""What is read of a study and written to it besides its running trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tunesmith.errors import StorageError
from tunesmith.frozen import TrialRecord
from tunesmith.history import History
from tunesmith.state import TrialState
from tunesmith.storable import storable
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.engine.replica import StudyReplica

STOPPED = "stopped"  # the system attribute that says why the search ended by itself
CHECKED = "checked"  # the one that holds what the last check for that left
PART = 2048  # records that are in memory at a time


class StudyData(StudyReplica):
    """The records and attributes of a study.

    Args:
        record: what the storage keeps of the study.
        storage: where that is.

    Attributes:
        stopped: why the search ended by itself the last time; None if it did not.
        checked: what the last look whether it has converged left; None: there was none.
    """

    def __init__(self, record: StudyRecord, storage: Storage) -> None:
        super().__init__(record, storage)
        self.stopped: dict[str, Any] | None = record.system.get(STOPPED)
        self.checked: dict[str, Any] | None = record.system.get(CHECKED)

    def current_history(self) -> History:
        """Return the history, up to date."""
        with self.lock:
            self.sync()
            return self.history

    def trials(
        self, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        """Return the records by number, optionally only those of some numbers or in some states."""
        return self.storage.trials(self.study_id, numbers, states)

    def in_parts(self, numbers: Sequence[int]) -> Iterator[list[TrialRecord]]:
        """Yield the records of trials that must be there, some at a time: a million of them would fill the memory.

        Args:
            numbers: of the trials, rising; where there are none, one empty part comes.

        Yields:
            records by number.

        Raises:
            StorageError: a trial is not there.
        """
        for start in range(0, max(len(numbers), 1), PART):
            try:
                yield self.trials(list(numbers[start : start + PART]))
            except KeyError as error:
                raise StorageError(f"{error.args[0]}; `tunesmith doctor` lists what is damaged") from None

    def add(self, trials: Sequence[TrialRecord]) -> list[int]:
        """Add finished or waiting trials; return their numbers."""
        return self.storage.add(self.study_id, trials)

    def best(self) -> TrialRecord | None:
        """Return the best feasible complete trial by the first objective, or None."""
        return self.storage.best(self.study_id, self.directions[0].value)

    def count(self) -> dict[TrialState, int]:
        """Return how many trials there are in each state."""
        return self.storage.count(self.study_id)

    def tally(self) -> str:
        """Return how many trials there are in each state, in words."""
        return ", ".join(f"{n} {s.name}" for s, n in sorted(self.count().items()) if n) or "no trials"

    def none_complete(self) -> ValueError:
        """Return the error that says that no trial is complete and feasible yet."""
        return ValueError(f"the study {self.study_name!r} has no complete feasible trial yet: {self.tally()}")

    def check_single_objective(self, name: str, instead: str) -> None:
        """Raise RuntimeError if there are several objectives, for `name` is not for them and `instead` is."""
        if len(self.signs) > 1:
            raise RuntimeError(f"study.{name} is for one objective; this study has {len(self.signs)}: use .{instead}")

    # -- attributes ----------------------------------------------------------------------------------------------

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes of the study (read-only)."""
        return MappingProxyType(self.storage.load_study(self.study_name).user)

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes of tunesmith's own (read-only)."""
        return MappingProxyType(self.storage.load_study(self.study_name).system)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute of the study."""
        self.storage.set_attr(self.study_id, None, key, storable(key, value))

    def set_system_attr(self, key: str, value: Any) -> None:
        """Set an attribute of tunesmith's own."""
        self.storage.set_attr(self.study_id, None, key, storable(key, value), system=True)

    def change_system_attr(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Change an attribute of tunesmith's own by a function of its value; see `Storage.change_study_attr`."""
        return self.storage.change_study_attr(self.study_id, key, change)

    def set_trial_attr(self, number: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial, whoever runs it."""
        self.storage.set_attr(self.study_id, number, key, value)

    def set_stopped(self, stopped: dict[str, Any] | None) -> None:
        """Store why the search ended by itself; None: it goes on."""
        if stopped is not None or self.stopped is not None:
            self.stopped = stopped
            self.set_system_attr(STOPPED, stopped)

    def set_checked(self, checked: dict[str, Any]) -> None:
        """Store what a look whether the search has converged left, for the next one."""
        self.checked = checked
        self.set_system_attr(CHECKED, checked)
