"""The reading side of a study."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.compat.optuna._experimental import experimental_func
from tunesmith.compat.optuna.frame import COLUMNS, to_frame
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.native_algorithms import native_pruner, native_sampler, used_by
from tunesmith.compat.optuna.pruners.base import BasePruner
from tunesmith.compat.optuna.pruners.native import MedianPruner
from tunesmith.compat.optuna.records import OPTUNAS_METRIC_NAMES, frozen_of, frozen_of_running
from tunesmith.compat.optuna.samplers.base import BaseSampler
from tunesmith.compat.optuna.samplers.model_based import AutoSampler
from tunesmith.compat.optuna.storages.base import BaseStorage
from tunesmith.compat.optuna.storages.kinds import get_storage
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState, state_of
from tunesmith.frozen import TrialRecord
from tunesmith.state import TrialState as NativeState
from tunesmith.study import Study as NativeStudy

if TYPE_CHECKING:
    import pandas as pd


class StudyView:
    """The part of a study that reads; its arguments and attributes are those of `Study`."""

    def __init__(
        self,
        study_name: str,
        storage: str | BaseStorage,
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
    ) -> None:
        self._storage = get_storage(storage)
        record = self._storage.native.load_study(study_name)
        sampler, pruner = sampler or AutoSampler(), pruner or MedianPruner()
        self.native = NativeStudy(
            record,
            self._storage.native,
            native_sampler(sampler, record.directions[0]),
            native_pruner(pruner, len(record.directions)),
        )
        used_by(sampler, self.native.engine)
        self.study_name = study_name
        self._study_id = record.id
        self._sampler, self._pruner = sampler, pruner

    @property
    def sampler(self) -> BaseSampler:
        """The sampler; it may be replaced at any time."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: BaseSampler) -> None:
        self.native.sampler = native_sampler(sampler, self.native.directions[0])
        used_by(sampler, self.native.engine)
        self._sampler = sampler

    @property
    def pruner(self) -> BasePruner:
        """The pruner; it may be replaced at any time."""
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner) -> None:
        self.native.pruner = native_pruner(pruner, len(self.native.directions))
        self._pruner = pruner

    # -- trials --------------------------------------------------------------------------------------------------

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number.

        Args:
            deepcopy: accepted for porting; they are copies.
            states: trials in these states only; None: in any.

        Returns:
            Their records.
        """
        return self._get_trials(deepcopy, states)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:  # which the tuner of optuna-integration calls, in a study that has a get_trials of its own
        wanted = None if states is None else [state for state in NativeState if state_of(state) in states]
        return [self._frozen(record) for record in self.native.engine.trials(states=wanted)]

    def _frozen(self, record: TrialRecord) -> FrozenTrial:
        running = self.native.engine.running.get(record.number)
        if running is None or record.state is not NativeState.RUNNING:
            return frozen_of(record, self._study_id, self._storage.objects)
        return frozen_of_running(running.trial, record, self._study_id, self._storage.objects)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        return self.get_trials()

    @property
    def best_trial(self) -> FrozenTrial:
        """The feasible complete trial with the best value; ValueError if there is none."""
        return self._frozen(self.native.best_trial)

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial."""
        return self.native.best_params

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        return self.native.best_value

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates, by number."""
        return [self._frozen(record) for record in self.native.best_trials]

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""
        return [StudyDirection[d.name] for d in self.native.directions]

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective."""
        return StudyDirection[self.native.direction.name]

    def _is_multi_objective(self) -> bool:
        return len(self.native.directions) > 1

    def trials_dataframe(self, attrs: Sequence[str] = COLUMNS, multi_index: bool = False) -> pd.DataFrame:
        """Return one row a trial.

        Args:
            attrs: attributes of trials; one that is a dict gives a column for each of its keys.
            multi_index: columns as pairs ("params", "x") instead of "params_x".

        Returns:
            A pandas data frame.

        Raises:
            ValueError: trials have no such attribute.
        """
        return to_frame(self.get_trials(), self.metric_names, len(self.native.directions), attrs, multi_index)

    # -- attributes ----------------------------------------------------------------------------------------------

    @property
    def user_attrs(self) -> dict[str, Any]:
        """User attributes."""
        return {**self.native.user_attrs, **self._storage.objects.of((self._study_id, None))}

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute, stored at once. A study in memory takes any object.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept.
        """
        if not self._storage.objects.takes((self._study_id, None), key, value):
            self.native.set_user_attr(key, value)

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives; None: they have none."""
        return self._storage.get_study_system_attrs(self._study_id).get(OPTUNAS_METRIC_NAMES)

    @experimental_func("3.2.0")
    def set_metric_names(self, metric_names: list[str]) -> None:
        """Name the objectives; ValueError unless there is one name for each."""
        if len(metric_names) != len(self.native.directions):
            raise ValueError(
                f"{len(self.native.directions)} name(s) expected, one for each objective; got {metric_names}"
            )
        self._storage.set_study_system_attr(self._study_id, OPTUNAS_METRIC_NAMES, list(metric_names))

    def __repr__(self) -> str:
        return repr(self.native)
