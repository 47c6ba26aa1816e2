"""Trials of the past: `FrozenTrial`, and `FixedTrial` to call an objective with values of one's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tunesmith.compat.optuna.base_trial import KeptTrial
from tunesmith.compat.optuna.distributions import BaseDistribution, as_distribution
from tunesmith.compat.optuna.trial_state import TrialState, state_of


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

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions of the parameters that were asked for, by name."""
        return self._distributions

    @property
    def user_attrs(self) -> dict[str, Any]:
        """User attributes."""
        return self._user_attrs

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Constraints."""
        return self._system_attrs


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
