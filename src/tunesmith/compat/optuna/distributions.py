"""Optuna's distributions, and what they are as parameters of a `tunesmith.Space`."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from numbers import Real
from typing import Any

from tunesmith.compat.optuna.names import refuser
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.warnings import caution
from tunesmith.space import Categorical, Combinatorial, Float, Int, Parameter

__all__ = [
    "BaseDistribution",
    "CategoricalChoiceType",
    "CategoricalDistribution",
    "DiscreteUniformDistribution",
    "FloatDistribution",
    "IntDistribution",
    "IntLogUniformDistribution",
    "IntUniformDistribution",
    "LogUniformDistribution",
    "UniformDistribution",
    "check_distribution_compatibility",
    "distribution_to_json",
    "json_to_distribution",
]

CategoricalChoiceType = None | bool | int | float | str  # for annotations


class BaseDistribution(ABC):
    """A range or a set of choices. Two are equal if their class and all their attributes are."""

    @abstractmethod
    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """Return a value as a number: of a choice, its index; ValueError if it is not of this distribution's kind."""

    @abstractmethod
    def single(self) -> bool:
        """Tell whether there is one value only."""

    @abstractmethod
    def _contains(self, param_value_in_internal_repr: float) -> bool: ...

    def to_external_repr(self, param_value_in_internal_repr: float) -> Any:
        """Return the value that a number stands for."""
        return param_value_in_internal_repr

    def _asdict(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDistribution):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *sorted(self.__dict__.items())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in sorted(self._asdict().items()))})"


class _Range(BaseDistribution):
    low: float
    high: float
    log: bool

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        try:
            number = float(param_value_in_external_repr)
        except (TypeError, ValueError):
            raise ValueError(
                f"{param_value_in_external_repr!r} is no number; a value of {self!r} must be one"
            ) from None
        if math.isnan(number) or (self.log and number <= 0):
            raise ValueError(f"{param_value_in_external_repr!r} is no value of {self!r}")
        return number


class FloatDistribution(_Range):
    """Numbers from `low` to `high`, both inclusive.

    Args:
        low: the lowest value.
        high: the highest value; with `step` the last one that steps reach.
        log: search on the logarithmic scale; needs ``low > 0``.
        step: only values ``low + k * step``.
    """

    @checked()
    def __init__(self, low: float, high: float, log: bool = False, step: float | None = None) -> None:
        if log and step is not None:
            raise ValueError(f"a range has a step or a logarithmic scale, not both; got log={log}, step={step}")
        _check_range(low, high, log and low <= 0, "low > 0", step)
        self.step = None if step is None else float(step)
        self.low = float(low)
        self.high = float(high if step is None else _highest_on_steps(low, high, step))
        self.log = log

    def single(self) -> bool:
        """Tell whether there is one value only."""
        if self.step is None:
            return self.low == self.high
        return _decimal(self.high) - _decimal(self.low) < _decimal(self.step)

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        inside = self.low <= param_value_in_internal_repr <= self.high
        if self.step is None:
            return inside
        steps = (param_value_in_internal_repr - self.low) / self.step
        return inside and abs(steps - round(steps)) < 1e-8


class IntDistribution(_Range):
    """Integers from `low` to `high`, both inclusive.

    Args:
        low: the lowest value.
        high: the highest value; the last one that steps reach.
        log: search on the logarithmic scale; needs ``low >= 1``.
        step: only values ``low + k * step``.
    """

    @checked()
    def __init__(self, low: int, high: int, log: bool = False, step: int = 1) -> None:
        if log and step != 1:
            raise ValueError(f"a range has a step or a logarithmic scale, not both; got log={log}, step={step}")
        _check_range(low, high, log and low < 1, "low >= 1", step)
        self.log = log
        self.step = int(step)
        self.low: int = int(low)
        self.high: int = int(_highest_on_steps(self.low, int(high), self.step))

    def to_external_repr(self, param_value_in_internal_repr: float) -> int:
        """Return the integer."""
        return int(param_value_in_internal_repr)

    def single(self) -> bool:
        """Tell whether there is one value only."""
        return self.high - self.low < self.step

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        inside = self.low <= param_value_in_internal_repr <= self.high
        return inside and (param_value_in_internal_repr - self.low) % self.step == 0


class CategoricalDistribution(BaseDistribution):
    """One of several choices without an order.

    Args:
        choices: the choices; others than None, bool, int, float and str bring a warning.
    """

    @checked()
    def __init__(self, choices: Sequence[Any]) -> None:
        if len(choices) == 0:
            raise ValueError("choices are empty; give at least one")
        for choice in choices:
            if choice is not None and not isinstance(choice, bool | int | float | str):
                caution(
                    f"the choice {choice!r} is a {type(choice).__name__}; a storage keeps None, bool, int, float and "
                    "str as they are, and others by their name"
                )
        self.choices = tuple(choices)

    def to_external_repr(self, param_value_in_internal_repr: float) -> Any:
        """Return the choice of an index."""
        return self.choices[int(param_value_in_internal_repr)]

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """Return the index of a choice."""
        for index, choice in enumerate(self.choices):
            if _equal_choices(choice, param_value_in_external_repr):
                return index
        raise ValueError(f"{param_value_in_external_repr!r} is none of {self.choices}")

    def single(self) -> bool:
        """Tell whether there is one choice only."""
        return len(self.choices) == 1

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        return 0 <= int(param_value_in_internal_repr) < len(self.choices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDistribution):
            return NotImplemented
        if not isinstance(other, CategoricalDistribution) or len(self.choices) != len(other.choices):
            return False
        return all(map(_equal_choices, self.choices, other.choices))

    __hash__ = BaseDistribution.__hash__


class UniformDistribution(FloatDistribution):
    """The name of ``FloatDistribution(low, high)`` before Optuna 3."""

    def __init__(self, low: float, high: float) -> None:
        warn_of_old_name(type(self).__name__, "FloatDistribution(low, high)")
        super().__init__(low, high)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class LogUniformDistribution(FloatDistribution):
    """The name of ``FloatDistribution(low, high, log=True)`` before Optuna 3."""

    def __init__(self, low: float, high: float) -> None:
        warn_of_old_name(type(self).__name__, "FloatDistribution(low, high, log=True)")
        super().__init__(low, high, log=True)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class DiscreteUniformDistribution(FloatDistribution):
    """The name of ``FloatDistribution(low, high, step=q)`` before Optuna 3."""

    def __init__(self, low: float, high: float, q: float) -> None:
        warn_of_old_name(type(self).__name__, "FloatDistribution(low, high, step=q)")
        super().__init__(low, high, step=q)

    @property
    def q(self) -> float | None:
        """The step."""
        return self.step

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "q": self.step}


class IntUniformDistribution(IntDistribution):
    """The name of ``IntDistribution(low, high, step=step)`` before Optuna 3."""

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        warn_of_old_name(type(self).__name__, "IntDistribution(low, high, step=step)")
        super().__init__(low, high, step=step)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "step": self.step}


class IntLogUniformDistribution(IntDistribution):
    """The name of ``IntDistribution(low, high, log=True)`` before Optuna 3."""

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        warn_of_old_name(type(self).__name__, "IntDistribution(low, high, log=True)")
        super().__init__(low, high, log=True, step=step)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "step": self.step}


DISTRIBUTION_CLASSES: dict[str, type[BaseDistribution]] = {
    kind.__name__: kind
    for kind in (
        FloatDistribution,
        IntDistribution,
        CategoricalDistribution,
        UniformDistribution,
        LogUniformDistribution,
        DiscreteUniformDistribution,
        IntUniformDistribution,
        IntLogUniformDistribution,
    )
}


# -- JSON and checks -----------------------------------------------------------------------------------------------


def distribution_to_json(dist: BaseDistribution) -> str:
    """Return a distribution as JSON."""
    return json.dumps({"name": type(dist).__name__, "attributes": dist._asdict()})


def json_to_distribution(json_str: str) -> BaseDistribution:
    """Return the distribution that JSON of `distribution_to_json`, or of its short form, describes.

    Raises:
        ValueError: it is of no known kind.
    """
    told = json.loads(json_str)
    short: dict[str, type[BaseDistribution]] = {
        "categorical": CategoricalDistribution,
        "float": FloatDistribution,
        "int": IntDistribution,
    }
    if "name" in told and told["name"] in DISTRIBUTION_CLASSES:
        return DISTRIBUTION_CLASSES[told["name"]](**told["attributes"])
    if told.get("type") in short:
        return short[told["type"]](**{key: value for key, value in told.items() if key != "type" and value is not None})
    raise ValueError(
        f"no distribution is called {told.get('name', told.get('type'))!r}; known are {', '.join(DISTRIBUTION_CLASSES)}"
    )


def check_distribution_compatibility(dist_old: BaseDistribution, dist_new: BaseDistribution) -> None:
    """Check that one parameter may have two distributions in two trials.

    Raises:
        ValueError: they differ in their kind or their scale, or in their choices.
    """
    if type(dist_old) is not type(dist_new):
        raise ValueError(f"a parameter cannot change its kind, from {dist_old!r} to {dist_new!r}")
    if getattr(dist_old, "log", False) != getattr(dist_new, "log", False):
        raise ValueError(f"a parameter cannot change its scale, from {dist_old!r} to {dist_new!r}")
    if isinstance(dist_old, CategoricalDistribution) and dist_old != dist_new:
        raise ValueError(f"a parameter cannot change its choices, from {dist_old!r} to {dist_new!r}")


# -- of other kinds -----------------------------------------------------------------------------------------------


def as_distribution(distribution: Any) -> BaseDistribution:
    """Return a distribution of this module; one of the real Optuna is converted.

    An old kind becomes its present one, with a warning.

    Raises:
        TypeError: it is not a distribution.
    """
    kind = type(distribution).__name__
    if kind not in DISTRIBUTION_CLASSES:
        raise TypeError(f"a distribution such as FloatDistribution(low, high) is expected; got {distribution!r}")
    if kind == "CategoricalDistribution":
        own = type(distribution) is CategoricalDistribution
        return distribution if own else CategoricalDistribution(distribution.choices)
    present = FloatDistribution if issubclass(DISTRIBUTION_CLASSES[kind], FloatDistribution) else IntDistribution
    if type(distribution) is present:
        return distribution
    d = distribution
    converted = present(d.low, d.high, log=d.log, step=d.step)
    if kind != present.__name__:
        link = "https://github.com/optuna/optuna/issues/2941"
        caution(f"{d!r} is an old kind, taken as {converted!r}. See {link}", FutureWarning)
    return converted


_convert_old_distribution_to_new_distribution = as_distribution  # by which name other libraries import it


# -- helpers -----------------------------------------------------------------------------------------------------


def _equal_choices(a: Any, b: Any) -> bool:
    """Tell whether two choices are equal; NaN is equal to NaN."""
    return a is b or bool(a == b) or (isinstance(a, Real) and isinstance(b, Real) and a != a and b != b)


def _check_range(low: float, high: float, log_fails: bool, needed: str, step: float | None) -> None:
    if low > high:
        raise ValueError(f"a range needs low <= high; got low={low}, high={high}")
    if log_fails:
        raise ValueError(f"a range with log=True needs {needed}; got low={low}, high={high}")
    if step is not None and step <= 0:
        raise ValueError(f"a step must be above 0; got {step}")


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


def _highest_on_steps(low: float, high: float, step: float) -> float:
    """Return the highest value that steps from `low` reach, with a warning where that is not `high`."""
    if not all(map(math.isfinite, (low, high, step))):
        raise ValueError(f"low, high and step must be finite where there is a step; got {low}, {high}, {step}")
    steps = (_decimal(high) - _decimal(low)) // _decimal(step)
    reached = float(_decimal(low) + steps * _decimal(step))
    if reached != high:
        caution(f"steps of {step} from {low} end at {reached}, not at {high}, which is lowered")
    return reached


def warn_of_old_name(name: str, instead: str) -> None:
    """Warn of a name of Optuna before version 3."""
    caution(f"{name} is an old name: use {instead}", FutureWarning)


__getattr__ = refuser(__name__, __all__)


# -- distributions as parameters of a `tunesmith.Space`, and back ---------------------------------------------------

Kind = tuple[type[BaseDistribution], bool]  # of a distribution, and whether its scale is logarithmic


def suggested_kind(distribution: BaseDistribution) -> Kind:
    """Return what all trials of a study have in common of a parameter; its range and its choices may change."""
    return type(distribution), getattr(distribution, "log", False)


def parameter_of(distribution: Any) -> Parameter:
    """Return a distribution, of this package or of the real Optuna, as a parameter of a space.

    Raises:
        TypeError: it is not a distribution.
    """
    ours = as_distribution(distribution)
    if isinstance(ours, CategoricalDistribution):
        return Categorical(each_once(ours.choices))
    kind = Float if isinstance(ours, FloatDistribution) else Int
    return kind(ours.low, ours.high, log=ours.log, step=ours.step)  # type: ignore[attr-defined]  # of both ranges


def each_once(choices: Sequence[Any]) -> list[Any]:
    """Return choices without those that stand there before, as Optuna allows; `True`, `1` and `1.0` are three."""
    kept: list[Any] = []
    for choice in choices:
        if not any(choice is other or (type(choice) is type(other) and choice == other) for other in kept):
            kept.append(choice)
    return kept


@lru_cache(maxsize=1024)
def distribution_of(parameter: Parameter) -> BaseDistribution:
    """Return a parameter of a `tunesmith.Space` as a distribution."""
    if isinstance(parameter, Float):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, Int):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, Combinatorial):
        raise ValueError(f"Optuna has no distribution like {parameter!r}; `to_optuna` writes the tried ones as choices")
    made = object.__new__(CategoricalDistribution)  # without the warning, which came when the choices were given
    made.choices = tuple(getattr(parameter, "choices", getattr(parameter, "values", ())))
    return made
