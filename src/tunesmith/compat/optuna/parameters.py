"""Distributions as parameters of a `tunesmith.Space`, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tunesmith.compat.optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    as_distribution,
)
from tunesmith.space import Categorical, Float, Int, Parameter

Kind = tuple[type[BaseDistribution], bool]  # of a distribution, and whether its scale is logarithmic


def kind_of(distribution: BaseDistribution) -> Kind:
    """Return what all trials of a study have in common of a parameter; its range and its choices may change."""
    return type(distribution), getattr(distribution, "log", False)


def parameter_of(distribution: Any) -> Parameter:
    """Return a distribution, of this package or of the real Optuna, as a parameter of a space.

    Raises:
        TypeError: it is no distribution.
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
    made = object.__new__(CategoricalDistribution)  # without the warning, which came when the choices were given
    made.choices = tuple(getattr(parameter, "choices", getattr(parameter, "values", ())))
    return made
