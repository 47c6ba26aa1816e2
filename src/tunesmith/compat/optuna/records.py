"""Records of trials: this library's as `FrozenTrial`, and back.

What Optuna's programs keep as system attributes of trials are system attributes here too, under names that begin with
"optuna:", so that they and those of this library do not meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tunesmith.compat.optuna.base_trial import CONSTRAINTS
from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.parameters import distribution_of, parameter_of
from tunesmith.compat.optuna.trial_state import TrialState, native_state, state_of
from tunesmith.history.curves import Reported
from tunesmith.storable import storable, storable_items
from tunesmith.study.study import METRIC_NAMES
from tunesmith.trial import Trial as NativeTrial
from tunesmith.trial.record import NAN, TrialRecord
from tunesmith.trial.record import create_trial as create_record

Place = tuple[int, int | None]  # the study's id, and the trial's number or None for the study itself
OPTUNAS_METRIC_NAMES = "study:metric_names"  # a system attribute of a study
OWN = "optuna:"  # what the names of Optuna's system attributes begin with
FIXED = "fixed_params"  # the system attribute that has the enqueued values
FAILED_TRIAL, RETRY_HISTORY = "failed_trial", "retry_history"  # those of a trial that is run again
_NUMBERS = 2**32  # trials of one study, so that a trial's id tells its study and its number


class Objects:
    """Keeps objects that no storage could keep, as Optuna's studies in memory do.

    Args:
        allowed: whether studies live in this process alone; else such a value is an error, as it would be lost.
    """

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed
        self._kept: dict[Place, dict[str, Any]] = {}

    def takes(self, place: Place, key: str, value: Any) -> bool:
        """Keep a value if no storage could; tell whether it is kept here.

        Args:
            place: whose attribute it is.
            key: the attribute's name.
            value: its value.

        Raises:
            ValueError: no storage could keep it, and the study is not in memory.
        """
        self._kept.get(place, {}).pop(key, None)
        _, others = self.part({key: value})
        self.keep(place, others)
        return bool(others)

    def part(self, attrs: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the attributes that a storage can keep, and those for `keep`.

        Args:
            attrs: attributes by name.

        Raises:
            ValueError: no storage could keep one of them, and the study is not in memory.
        """
        stored, others = dict(attrs or {}), {}
        for key, value in (attrs or {}).items():
            try:
                storable(key, value)
            except ValueError:
                if not self._allowed:
                    raise
                others[key] = stored.pop(key)
        return stored, others

    def keep(self, place: Place, others: Mapping[str, Any]) -> None:
        """Keep attributes that no storage could, of a trial that was added with them.

        Args:
            place: whose attributes they are.
            others: what `part` says.
        """
        if others:
            self._kept.setdefault(place, {}).update(others)

    def of(self, place: Place) -> Mapping[str, Any]:
        """Return what is kept of a study or a trial."""
        return self._kept.get(place, {}) if self._kept else {}


def trial_id(study_id: int, number: int) -> int:
    """Return the id of a trial: one number that tells the study and the number in it."""
    return study_id * _NUMBERS + number


def study_and_number(trial: int) -> tuple[int, int]:
    """Return the study's id and the trial's number from a trial's id."""
    return divmod(trial, _NUMBERS)


def own_attrs(system: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return Optuna's system attributes from all system attributes of a trial or a study."""
    own = {key.removeprefix(OWN): value for key, value in (system or {}).items() if key.startswith(OWN)}
    if system and METRIC_NAMES in system:  # which figures, pages, imports and exports read too
        own[OPTUNAS_METRIC_NAMES] = system[METRIC_NAMES]
    return own


def frozen_of(record: TrialRecord, study_id: int, objects: Objects) -> FrozenTrial:
    """Return a record of this library as Optuna's.

    Args:
        record: it.
        study_id: its study in the storage.
        objects: user attributes that only this process can hold.
    """
    state = state_of(record.state)
    waits = state is TrialState.WAITING
    params = {} if waits else record.params
    distributions = {} if waits else _distributions(record)
    return FrozenTrial(
        record.number,
        state,
        None,
        None if waits else record.datetime_start,
        record.datetime_complete if state.is_finished() else None,
        params,
        {name: distributions[name] for name in params},
        {**(record.user or {}), **objects.of((study_id, record.number))},
        _system_attrs(record, record.constraints),
        {step: first_of(value) for step, value in record.intermediate_values.items()},
        trial_id(study_id, record.number),
        values=record.values,
    )


def frozen_of_running(trial: NativeTrial, record: TrialRecord, study_id: int, objects: Objects) -> FrozenTrial:
    """Return a running trial of this process as a record, with what was suggested so far.

    Args:
        trial: it.
        record: what the storage has of it.
        study_id: its study in the storage.
        objects: user attributes that only this process can hold.
    """
    return FrozenTrial(
        trial.number,
        TrialState.RUNNING,
        None,
        record.datetime_start,
        None,
        dict(trial.params),
        {name: distribution_of(p) for name, p in trial.distributions.items()},
        {**trial.user_attrs, **objects.of((study_id, trial.number))},
        _system_attrs(record, trial.constraints),
        {step: first_of(value) for step, value in (trial.reports or {}).items()},
        trial_id(study_id, trial.number),
    )


def first_of(value: Reported) -> float:
    """Return a report as Optuna has it, which keeps one value a step, of several objectives the first one's."""
    return value[0] if isinstance(value, tuple) else value


def report_of(value: float, objectives: int) -> Reported:
    """Return a report of Optuna's as this library keeps it; what it lacks of several objectives is NaN."""
    return value if objectives == 1 else (value, *(NAN,) * (objectives - 1))


def record_of(trial: Any, user_attrs: Mapping[str, Any] | None = None, objectives: int = 1) -> TrialRecord:
    """Return a `FrozenTrial`, of this package or of the real Optuna, as a record that a study can add.

    Args:
        trial: the trial.
        user_attrs: those of its user attributes that a storage can keep; None: all.
        objectives: how many the study has.

    Raises:
        ValueError: the trial is RUNNING.
    """
    state = state_of(trial.state)
    if state is TrialState.RUNNING:
        raise ValueError("add_trial: the trial is RUNNING; only finished and waiting trials can be added")
    system, waits = dict(trial.system_attrs), state is TrialState.WAITING
    fixed = {**trial.params, **(system.pop(FIXED, None) or {})}
    record = create_record(
        params=None if waits else trial.params,
        distributions=None if waits else {name: parameter_of(d) for name, d in trial.distributions.items()},
        values=trial.values,
        state=native_state(state),
        user_attrs=trial.user_attrs if user_attrs is None else user_attrs,
        intermediate_values={s: report_of(v, objectives) for s, v in trial.intermediate_values.items()},
        constraints=trial.constraints,
    )
    kept = {f"{OWN}{key}": value for key, value in system.items() if key.partition(":")[0] != CONSTRAINTS}
    record.system = storable_items(kept)
    record.fixed = fixed if waits and fixed else None
    record.started, record.finished = _seconds(trial.datetime_start), _seconds(trial.datetime_complete)
    record.cost = record.finished - record.started
    return record


def _seconds(at: datetime | None) -> float:
    return NAN if at is None else at.timestamp()


def _distributions(record: TrialRecord) -> dict[str, BaseDistribution]:
    return {name: distribution_of(parameter) for name, parameter in record.distributions.items()}


def _system_attrs(record: TrialRecord, constraints: Mapping[str, float] | None) -> dict[str, Any]:
    system = own_attrs(record.system)
    if record.fixed is not None:
        system[FIXED] = dict(record.fixed)
    if record.previous_attempts:  # by which programs find their checkpoints; in Optuna it is another trial
        system |= {FAILED_TRIAL: record.number, RETRY_HISTORY: [record.number] * len(record.previous_attempts)}
    constraints = constraints or {}
    if constraints.keys() == {str(i) for i in range(len(constraints))}:  # a sampler's constraints_func has set them
        if constraints:
            system[CONSTRAINTS] = [constraints[str(i)] for i in range(len(constraints))]
    else:
        system |= {f"{CONSTRAINTS}:{key}": value for key, value in constraints.items()}
    return system
