"""What every trial has (`BaseTrial`), and what those have that do not run (`KeptTrial`)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)

CONSTRAINTS = "constraints"  # the system attribute, and what those of single constraints begin with


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
        _old("suggest_uniform", "suggest_float(name, low, high)")
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
        _old("suggest_loguniform", "suggest_float(name, low, high, log=True)")
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
        _old("suggest_discrete_uniform", "suggest_float(name, low, high, step=q)")
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


def _old(name: str, instead: str) -> None:
    caution(f"{name} is an old name: use {instead}", FutureWarning)


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
        number, name = checked_constraint(key, value), f"{CONSTRAINTS}:{key}"
        if name in self._system_attrs:
            caution(f"the constraint {key!r} has a value already; the new one is ignored")
        else:
            self._system_attrs[name] = number

    @property
    def constraints(self) -> dict[str, float]:
        """The values of constraints by name; those of a ``constraints_func`` have the names "0", "1", and so on."""
        begin = f"{CONSTRAINTS}:"
        listed = {str(i): value for i, value in enumerate(self._system_attrs.get(CONSTRAINTS) or ())}
        single = {key.removeprefix(begin): v for key, v in self._system_attrs.items() if key.startswith(begin)}
        return {**listed, **single}


def checked_constraint(key: str, value: Any) -> float:
    """Return the value of a constraint as a number.

    Args:
        key: its name.
        value: what was given.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"the constraint {key!r} must have a number; got {value!r}") from None
    if math.isnan(number):
        raise ValueError(f"the constraint {key!r} must have a number; got NaN")
    return number
