"""Storages: this library's own, with those of Optuna's methods that callbacks and samplers call."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tunesmith
from tunesmith.compat.optuna.exceptions import UpdateFinishedTrialError
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.records import (
    OPTUNAS_METRIC_NAMES,
    OWN,
    Objects,
    frozen_of,
    own_attrs,
    record_of,
    study_and_number,
    trial_id,
)
from tunesmith.compat.optuna.study_direction import StudyDirection, only_direction
from tunesmith.compat.optuna.trial_state import TrialState, native_state, state_of
from tunesmith.errors import StudyNotFoundError
from tunesmith.state import FailureKind
from tunesmith.storable import storable
from tunesmith.storage import Storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study.study import METRIC_NAMES


@dataclass
class FrozenStudy:
    """The record of a study in a storage.

    Attributes:
        study_name: its name.
        directions: one for each objective.
        user_attrs: user attributes.
        system_attrs: what programs keep as system attributes.
        _study_id: its number in the storage.
    """

    study_name: str
    directions: list[StudyDirection]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    _study_id: int

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective; RuntimeError if it has several."""
        return only_direction(self.directions, self.study_name)


Retries = dict[FailureKind | str, int]


class BaseStorage:
    """A storage of this library.

    Args:
        native: the storage of `tunesmith.storage`.
        retries: how often a trial is run again whose worker was lost, where the program says that.

    Attributes:
        native: the storage of `tunesmith.storage`.
        retries: how often a trial is run again whose worker was lost; None: the program does not say that.
        objects: user attributes that only this process can hold.
        logger: the name of its logger in Optuna.
        word: what that calls the storage.
    """

    logger: ClassVar[str] = "optuna.storages._rdb.storage"
    word: ClassVar[str] = "RDB"

    def __init__(self, native: Storage, retries: Retries | None = None) -> None:
        self.native = native
        self.retries = retries
        self.objects = Objects(native.only_here)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__module__.startswith(__name__.rpartition(".")[0]):
            raise TypeError(
                "a storage of your own has to be a subclass of tunesmith.storage.Storage here; BaseStorage is for "
                "annotations and isinstance only"
            )

    def _record(self, study_id: int) -> StudyRecord:
        for record in self.native.list_studies():
            if record.id == study_id:
                return record
        raise StudyNotFoundError(f"the storage has no study with the id {study_id}")

    def _study(self, record: StudyRecord) -> FrozenStudy:
        return FrozenStudy(
            record.name,
            [StudyDirection[d.upper()] for d in record.directions],
            {**record.user, **self.objects.of((record.id, None))},
            own_attrs(record.system),
            record.id,
        )

    # -- studies -------------------------------------------------------------------------------------------------

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study; KeyError if there is none of this name."""
        return self.native.load_study(study_name).id

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        return self._record(study_id).name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of a study."""
        return self._study(self._record(study_id)).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        return self._study(self._record(study_id)).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return what programs keep as system attributes of a study."""
        return self._study(self._record(study_id)).system_attrs

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a study.

        Args:
            study_id: the study.
            key: the attribute's name.
            value: what to keep.
        """
        if not self.objects.takes((study_id, None), key, value):
            self.native.set_attr(study_id, None, key, storable(key, value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a study.

        Args:
            study_id: the study.
            key: the attribute's name.
            value: what to keep.
        """
        key, value = METRIC_NAMES if key == OPTUNAS_METRIC_NAMES else f"{OWN}{key}", storable(key, value)
        self.native.set_attr(study_id, None, key, value, system=True)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return the records of all studies, oldest first."""
        return [self._study(record) for record in self.native.list_studies()]

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Create a study.

        Args:
            directions: one for each objective.
            study_name: unique in the storage; None: one is made up.

        Returns:
            The id of the study.

        Raises:
            DuplicatedStudyError: the name is taken.
        """
        words = [direction.name.lower() for direction in directions]
        return tunesmith.create_study(storage=self.native, study_name=study_name, directions=words).study_id

    def delete_study(self, study_id: int) -> None:
        """Delete a study and its trials."""
        self.native.delete_study(study_id)

    # -- trials --------------------------------------------------------------------------------------------------

    def get_trial(self, trial: int) -> FrozenTrial:
        """Return a trial by its id."""
        study_id, number = study_and_number(trial)
        return frozen_of(self.native.trials(study_id, [number])[0], study_id, self.objects)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study by number.

        Args:
            study_id: the study.
            deepcopy: accepted for porting; they are copies.
            states: of trials in these states only; None: in any.

        Returns:
            Their records.
        """
        found = [frozen_of(record, study_id, self.objects) for record in self.native.trials(study_id)]
        return found if states is None else [trial for trial in found if trial.state in states]

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial that nobody proposes anything for, or add one.

        Args:
            study_id: its study.
            template_trial: what to add; None: a new RUNNING trial.

        Returns:
            The id of the trial.
        """
        study = tunesmith.load_study(study_name=self.get_study_name_from_id(study_id), storage=self.native)
        if template_trial is not None:
            return trial_id(study_id, study.add_trials([record_of(template_trial, None, len(study.directions))])[0])
        return trial_id(study_id, study.ask().number)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the complete trial with the best value; ValueError if there is none."""
        directions = self._record(study_id).directions
        if len(directions) > 1:
            raise RuntimeError(f"get_best_trial is for one objective; this study has {len(directions)}")
        complete = self.get_all_trials(study_id, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("the study has no complete trial yet")
        sign = -1.0 if directions[0] == "maximize" else 1.0
        return min(complete, key=lambda trial: sign * (trial.value or 0.0))

    def get_n_trials(self, study_id: int, state: TrialState | None = None) -> int:
        """Return the number of trials of a study, of those in a state if one is given.

        Args:
            study_id: the study.
            state: None: any.

        Returns:
            How many there are.
        """
        counts = self.native.count(study_id)
        return sum(n for found, n in counts.items() if state is None or state_of(found) is state_of(state))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of a trial; KeyError if there is none.

        Args:
            study_id: its study.
            trial_number: its number there.

        Returns:
            The id.
        """
        self.native.trials(study_id, [trial_number])
        return trial_id(study_id, trial_number)

    def get_trial_number_from_id(self, trial: int) -> int:
        """Return the number of a trial in its study."""
        return study_and_number(trial)[1]

    def get_trial_param(self, trial: int, param_name: str) -> float:
        """Return a parameter of a trial as a number: of a choice, its position.

        Args:
            trial: the trial's id.
            param_name: the parameter's name.

        Returns:
            The number.
        """
        found = self.get_trial(trial)
        return found.distributions[param_name].to_internal_repr(found.params[param_name])

    def get_trial_params(self, trial: int) -> dict[str, Any]:
        """Return the parameters of a trial."""
        return self.get_trial(trial).params

    def get_trial_user_attrs(self, trial: int) -> dict[str, Any]:
        """Return the user attributes of a trial."""
        return self.get_trial(trial).user_attrs

    def get_trial_system_attrs(self, trial: int) -> dict[str, Any]:
        """Return what programs keep as system attributes of a trial."""
        return self.get_trial(trial).system_attrs

    def set_trial_user_attr(self, trial: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial.

        Args:
            trial: its id.
            key: the attribute's name.
            value: what to keep.
        """
        study_id, number = study_and_number(trial)
        if not self.objects.takes((study_id, number), key, value):
            self.native.set_attr(study_id, number, key, storable(key, value))

    def set_trial_system_attr(self, trial: int, key: str, value: Any) -> None:
        """Set a system attribute of a trial.

        Args:
            trial: its id.
            key: the attribute's name.
            value: what to keep.
        """
        study_id, number = study_and_number(trial)
        self.native.set_attr(study_id, number, f"{OWN}{key}", storable(key, value), system=True)

    def set_trial_state_values(self, trial: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """End a trial, whoever runs it; a worker that runs it still is not heard any more.

        Args:
            trial: its id.
            state: COMPLETE, PRUNED or FAIL; RUNNING: nothing is done, since trials are begun by studies.
            values: of a complete trial.

        Returns:
            Whether the trial has the state.

        Raises:
            UpdateFinishedTrialError: it is finished already.
        """
        now = self.get_trial(trial).state
        self.check_trial_is_updatable(trial, now)
        if not state.is_finished():
            return now == state
        study_id, number = study_and_number(trial)
        study = tunesmith.load_study(study_name=self.get_study_name_from_id(study_id), storage=self.native)
        study.tell(number, values, native_state(state))
        return True

    def check_trial_is_updatable(self, trial: int, trial_state: TrialState) -> None:
        """Do nothing if a trial may still be written.

        Args:
            trial: its id.
            trial_state: the state that it has.

        Raises:
            UpdateFinishedTrialError: it is finished.
        """
        if trial_state.is_finished():
            raise UpdateFinishedTrialError(
                f"trial {self.get_trial_number_from_id(trial)} is finished; it cannot change"
            )

    def remove_session(self) -> None:
        """Close what this storage holds open; a later call opens it again."""
        self.native.close()
