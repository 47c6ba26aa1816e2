"""Trials of the past: `FrozenTrial`, and `FixedTrial` to call an objective with values of one's own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from tunesmith.compat.optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    Kind,
    as_distribution,
    check_distribution_compatibility,
    distribution_of,
    parameter_of,
    warn_of_old_name,
)
from tunesmith.compat.optuna.states import StudyDirection, TrialState, native_state, state_of
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.storable import storable, storable_items
from tunesmith.foundation.warnings import caution
from tunesmith.history.curves import Reported
from tunesmith.study import Study as NativeStudy
from tunesmith.study.study import METRIC_NAMES
from tunesmith.trial import Trial as NativeTrial
from tunesmith.trial.record import NAN, TrialRecord
from tunesmith.trial.record import create_trial as create_record

# -- what every trial has (`BaseTrial`), and what those have that do not run (`KeptTrial`) --------------------------

CONSTRAINTS_ATTR = "constraints"  # the system attribute, and what those of single constraints begin with


class BaseTrial(ABC):
    """What every trial has: running, frozen and fixed ones."""

    @abstractmethod
    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high].

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.
            step: only values ``low + k * step``.
            log: search on the logarithmic scale.

        Returns:
            The value, the same each time that this trial asks for this name.
        """

    @abstractmethod
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an integer from low to high, both inclusive.

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.
            step: only values ``low + k * step``.
            log: search on the logarithmic scale.

        Returns:
            The value, the same each time that this trial asks for this name.
        """

    @abstractmethod
    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices.

        Args:
            name: the parameter's name.
            choices: what there is to choose from.

        Returns:
            The value, the same each time that this trial asks for this name.
        """

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Return ``suggest_float(name, low, high)``, whose old name this is.

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        warn_of_old_name("suggest_uniform", "suggest_float(name, low, high)")
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Return ``suggest_float(name, low, high, log=True)``, whose old name this is.

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        warn_of_old_name("suggest_loguniform", "suggest_float(name, low, high, log=True)")
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Return ``suggest_float(name, low, high, step=q)``, whose old name this is.

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.
            q: the step.

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        warn_of_old_name("suggest_discrete_uniform", "suggest_float(name, low, high, step=q)")
        return self.suggest_float(name, low, high, step=q)

    @abstractmethod
    def report(self, value: float, step: int) -> None:
        """Report how the objective stands after a step.

        Args:
            value: the objective's value by now.
            step: an epoch, a number of rows, a fold; from 0.
        """

    @abstractmethod
    def should_prune(self) -> bool:
        """Tell whether the trial should stop."""

    @abstractmethod
    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute.

        Args:
            key: the attribute's name.
            value: what to keep.
        """

    @abstractmethod
    def set_constraint(self, key: str, value: float) -> None:
        """Set the value of a constraint; a trial is feasible if all are at most 0.

        Args:
            key: the constraint's name.
            value: its value.
        """


class KeptTrial(BaseTrial):
    """The common part of frozen and fixed trials: values come from what is kept, and reports go nowhere."""

    _distributions: dict[str, BaseDistribution]
    _user_attrs: dict[str, Any]
    _system_attrs: dict[str, Any]
    _number: int

    @abstractmethod
    def _kept(self) -> Mapping[str, Any]: ...

    def _note(self, name: str, value: Any) -> None:
        """Note that a parameter was asked for."""

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:
        kept = self._kept()
        if name not in kept:
            has = ", ".join(map(repr, kept)) or "none"
            raise ValueError(f"the {type(self).__name__} has no value of {name!r}; its parameters are: {has}")
        value = kept[name]
        if not distribution._contains(distribution.to_internal_repr(value)):
            caution(f"the value {value!r} of {name!r} is out of range: {distribution!r}")
        if name in self._distributions:
            check_distribution_compatibility(self._distributions[name], distribution)
        self._distributions[name] = distribution
        self._note(name, value)
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return self._suggest(name, FloatDistribution(low, high, log=log, step=step))  # type: ignore[no-any-return]  # what is kept may be anything

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(self._suggest(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._suggest(name, CategoricalDistribution(choices))

    def report(self, value: float, step: int) -> None:
        """Do nothing: it is over."""

    def should_prune(self) -> bool:
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        self._user_attrs[key] = value

    def set_constraint(self, key: str, value: float) -> None:
        number, name = checked_constraint(key, value), f"{CONSTRAINTS_ATTR}:{key}"
        if name in self._system_attrs:
            caution(f"the constraint {key!r} has a value already; the new one is ignored")
        else:
            self._system_attrs[name] = number

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions of the parameters, by name."""
        return self._distributions

    @distributions.setter
    def distributions(self, value: dict[str, BaseDistribution]) -> None:
        self._distributions = value

    @property
    def user_attrs(self) -> dict[str, Any]:
        """User attributes."""
        return self._user_attrs

    @user_attrs.setter
    def user_attrs(self, value: dict[str, Any]) -> None:
        self._user_attrs = value

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Notes of samplers and callbacks, and constraints."""
        return self._system_attrs

    @system_attrs.setter
    def system_attrs(self, value: dict[str, Any]) -> None:
        self._system_attrs = value

    @property
    def constraints(self) -> dict[str, float]:
        """The values of constraints by name; those of a ``constraints_func`` have the names "0", "1", and so on."""
        begin = f"{CONSTRAINTS_ATTR}:"
        listed = {str(i): value for i, value in enumerate(self._system_attrs.get(CONSTRAINTS_ATTR) or ())}
        single = {key.removeprefix(begin): v for key, v in self._system_attrs.items() if key.startswith(begin)}
        return {**listed, **single}


def checked_constraint(key: str, value: Any) -> float:
    """Return the value of a constraint as a number.

    Raises:
        TypeError: it is not a number.
        ValueError: it is NaN.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"the constraint {key!r} must have a number; got {value!r}") from None
    if math.isnan(number):
        raise ValueError(f"the constraint {key!r} must have a number; got NaN")
    return number


class FrozenTrial(KeptTrial):
    """The record of a trial. What is changed in it changes nothing in the study.

    Args:
        number: position in the study.
        state: a `TrialState`.
        value: the objective's value; of several, `values`.
        datetime_start: local time of the start.
        datetime_complete: local time of the end.
        params: parameters by name.
        distributions: their distributions.
        user_attrs: notes of the user.
        system_attrs: notes of samplers and callbacks, and constraints.
        intermediate_values: reports by step.
        trial_id: its number in the storage.
        values: the objectives' values.
    """

    @checked()
    def __init__(
        self,
        number: int,
        state: TrialState,
        value: float | None,
        datetime_start: datetime | None,
        datetime_complete: datetime | None,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        user_attrs: dict[str, Any],
        system_attrs: dict[str, Any],
        intermediate_values: dict[int, float],
        trial_id: int,
        *,
        values: Sequence[float] | None = None,
    ) -> None:
        if value is not None and values is not None:
            raise ValueError("give value= or values=, not both")
        self._number = number
        self.state = state_of(state)
        self._values = [value] if value is not None else list(values) if values is not None else None
        self.datetime_start = datetime_start
        self.datetime_complete = datetime_complete
        self.params = params
        self._user_attrs = user_attrs
        self._system_attrs = system_attrs
        self.intermediate_values = intermediate_values
        self._distributions = distributions
        self._trial_id = trial_id

    def _kept(self) -> Mapping[str, Any]:
        return self.params

    def _validate(self) -> None:
        """Check that the parts fit together; ValueError if they do not."""
        if self.state is not TrialState.WAITING and self.datetime_start is None:
            raise ValueError(f"a trial that is {self.state.name} needs datetime_start")
        if self.state.is_finished() != (self.datetime_complete is not None):
            raise ValueError(
                f"datetime_complete is for finished trials; got {self.datetime_complete} with {self.state}"
            )
        if self.state is TrialState.FAIL and self._values is not None:
            raise ValueError(f"a failed trial has no values; got {self._values}")
        if self.state is TrialState.COMPLETE and (self._values is None or any(map(math.isnan, self._values))):
            raise ValueError(f"a complete trial needs values that are numbers; got {self._values}")
        if self.params.keys() != self._distributions.keys():
            raise ValueError(
                f"params and distributions must have the same names; got {sorted(self.params)} and "
                f"{sorted(self._distributions)}"
            )
        for name, value in self.params.items():
            distribution = self._distributions[name]
            if not distribution._contains(distribution.to_internal_repr(value)):
                raise ValueError(f"the value {value!r} of {name!r} lies outside of {distribution!r}")

    # -- attributes ----------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Position in the study, from 0."""
        return self._number

    @number.setter
    def number(self, value: int) -> None:
        self._number = value

    @property
    def value(self) -> float | None:
        """The value of a study with one objective; None while there is none.

        Raises:
            RuntimeError: the trial has several values.
        """
        if self._values is None:
            return None
        self._check_single()
        return self._values[0]

    @value.setter
    def value(self, value: float | None) -> None:
        self._check_single()
        self._values = None if value is None else [value]

    def _check_single(self) -> None:
        if self._values is not None and len(self._values) > 1:
            raise RuntimeError(f"trial {self.number} has {len(self._values)} values; use .values instead of .value")

    @property
    def values(self) -> list[float] | None:
        """One value for each objective; None while there are none."""
        return self._values

    @values.setter
    def values(self, values: Sequence[float] | None) -> None:
        self._values = None if values is None else list(values)

    @property
    def last_step(self) -> int | None:
        """The largest step reported, or None."""
        return max(self.intermediate_values, default=None)

    @property
    def duration(self) -> timedelta | None:
        """Time from start to end; None while unfinished."""
        if self.datetime_start is None or self.datetime_complete is None:
            return None
        return self.datetime_complete - self.datetime_start

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if isinstance(other, FrozenTrial) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # records hold dicts

    def __lt__(self, other: object) -> bool:
        return self.number < other.number if isinstance(other, FrozenTrial) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.number <= other.number if isinstance(other, FrozenTrial) else NotImplemented

    def __repr__(self) -> str:
        parts = ", ".join(f"{name.removeprefix('_')}={value!r}" for name, value in self.__dict__.items())
        return f"FrozenTrial({parts}, value=None)"


class FixedTrial(KeptTrial):
    """A trial with given values, to call an objective with them.

    Args:
        params: values by name.
        number: what ``number`` says.
    """

    def __init__(self, params: dict[str, Any], number: int = 0) -> None:
        self._params = params
        self.params: dict[str, Any] = {}
        self._distributions = {}
        self._user_attrs = {}
        self._system_attrs = {}
        self.datetime_start: datetime | None = datetime.now()
        self.number = number

    def _kept(self) -> Mapping[str, Any]:
        return self._params

    def _note(self, name: str, value: Any) -> None:
        self.params[name] = value


@checked("state")
def create_trial(
    *,
    state: TrialState = TrialState.COMPLETE,
    value: float | None = None,
    values: Sequence[float] | None = None,
    params: dict[str, Any] | None = None,
    distributions: Mapping[str, Any] | None = None,
    user_attrs: dict[str, Any] | None = None,
    system_attrs: dict[str, Any] | None = None,
    intermediate_values: dict[int, float] | None = None,
    constraints: dict[str, float] | None = None,
) -> FrozenTrial:
    """Make a record for ``study.add_trial``.

    Args:
        state: a `TrialState`.
        value: the objective's value; of several, `values`.
        values: the objectives' values.
        params: parameters by name.
        distributions: their distributions.
        user_attrs: notes of the user.
        system_attrs: notes of samplers and callbacks.
        intermediate_values: reports by step.
        constraints: values of constraints by name.

    Returns:
        The record, without a number yet.

    Raises:
        ValueError: the parts do not fit together.
    """
    state = state_of(state)
    started = None if state is TrialState.WAITING else datetime.now()
    trial = FrozenTrial(
        -1,
        state,
        value,
        started,
        started if state.is_finished() else None,
        params or {},
        {name: as_distribution(d) for name, d in (distributions or {}).items()},
        user_attrs or {},
        system_attrs or {},
        intermediate_values or {},
        -1,
        values=values,
    )
    for key, number in (constraints or {}).items():
        trial.set_constraint(key, number)
    trial._validate()
    return trial


# -- what samplers, pruners and trials use of a study, which stands above them --------------------------------------


class StudyLike(Protocol):
    """A study, as `tunesmith.compat.optuna.study.Study` is one."""

    native: NativeStudy
    _study_id: int
    _storage: Any  # a `BaseStorage`

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number.

        Args:
            deepcopy: accepted for porting.
            states: trials in these states only.
        """

    def stop(self) -> None:
        """End the search after the running trials."""

    def kinds(self) -> dict[str, Kind]:
        """Return of each parameter that a trial has suggested its kind and scale; what is added is remembered."""

    def constrain(self, number: int, key: str, value: float) -> None:
        """Set a constraint of a running trial."""


class TrialLike(Protocol):
    """A trial that runs, or the record of one."""

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Notes of samplers and callbacks."""


# -- records of trials: this library's as `FrozenTrial`, and back ---------------------------------------------------

Place = tuple[int, int | None]  # the study's id, and the trial's number or None for the study itself
OPTUNAS_METRIC_NAMES = "study:metric_names"  # a system attribute of a study
OPTUNA_PREFIX = "optuna:"  # what the names of Optuna's system attributes begin with
FIXED_PARAMS = "fixed_params"  # the system attribute that has the enqueued values
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

        Raises:
            ValueError: no storage could keep it, and the study is not in memory.
        """
        self._kept.get(place, {}).pop(key, None)
        _, others = self.part({key: value})
        self.keep(place, others)
        return bool(others)

    def part(self, attrs: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the attributes that a storage can keep, and those for `keep`.

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
    own = {
        key.removeprefix(OPTUNA_PREFIX): value for key, value in (system or {}).items() if key.startswith(OPTUNA_PREFIX)
    }
    if system and METRIC_NAMES in system:  # which figures, pages, imports and exports read too
        own[OPTUNAS_METRIC_NAMES] = system[METRIC_NAMES]
    return own


def frozen_of(record: TrialRecord, study_id: int, objects: Objects) -> FrozenTrial:
    """Return a record of this library as Optuna's.

    Args:
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
        record: what the storage has of it.
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
        user_attrs: those of its user attributes that a storage can keep; None: all.
        objectives: how many the study has.

    Raises:
        ValueError: the trial is RUNNING.
    """
    state = state_of(trial.state)
    if state is TrialState.RUNNING:
        raise ValueError("add_trial: the trial is RUNNING; only finished and waiting trials can be added")
    system, waits = dict(trial.system_attrs), state is TrialState.WAITING
    fixed = {**trial.params, **(system.pop(FIXED_PARAMS, None) or {})}
    record = create_record(
        params=None if waits else trial.params,
        distributions=None if waits else {name: parameter_of(d) for name, d in trial.distributions.items()},
        values=trial.values,
        state=native_state(state),
        user_attrs=trial.user_attrs if user_attrs is None else user_attrs,
        intermediate_values={s: report_of(v, objectives) for s, v in trial.intermediate_values.items()},
        constraints=trial.constraints,
    )
    kept = {
        f"{OPTUNA_PREFIX}{key}": value for key, value in system.items() if key.partition(":")[0] != CONSTRAINTS_ATTR
    }
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
        system[FIXED_PARAMS] = dict(record.fixed)
    if record.previous_attempts:  # by which programs find their checkpoints; in Optuna it is another trial
        system |= {FAILED_TRIAL: record.number, RETRY_HISTORY: [record.number] * len(record.previous_attempts)}
    constraints = constraints or {}
    if constraints.keys() == {str(i) for i in range(len(constraints))}:  # a sampler's constraints_func has set them
        if constraints:
            system[CONSTRAINTS_ATTR] = [constraints[str(i)] for i in range(len(constraints))]
    else:
        system |= {f"{CONSTRAINTS_ATTR}:{key}": value for key, value in constraints.items()}
    return system
