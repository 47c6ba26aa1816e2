"""Optuna's distributions as parameters of ours, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter

NAN = math.nan
# The names of before Optuna 3, with what they imply.
_FLOATS: dict[str, dict[str, Any]] = {
    "FloatDistribution": {},
    "UniformDistribution": {},
    "LogUniformDistribution": {"log": True},
    "DiscreteUniformDistribution": {},
}
_INTS: dict[str, dict[str, Any]] = {
    "IntDistribution": {},
    "IntUniformDistribution": {},
    "IntLogUniformDistribution": {"log": True, "step": 1},
}


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter, and what becomes of the values that Optuna stores of it.

    Attributes:
        parameter: of ours.
        internal: gives our internal value of Optuna's stored number; NaN: the value lies outside.
        external: gives the value that Optuna's objective saw.
    """

    parameter: Parameter
    internal: Callable[[float], float]
    external: Callable[[float], Any]


def read_distribution(text: str) -> Range:
    """Return what a distribution, as the JSON that Optuna stores, means here.

    Raises:
        ValueError: it is no distribution that is known.
    """
    data = json.loads(text)
    attributes = data.get("attributes", data) if isinstance(data, dict) else {}
    kind = data.get("name") or data.get("type") if isinstance(data, dict) else None
    try:
        if kind in ("CategoricalDistribution", "categorical"):
            return _categorical(list(attributes["choices"]))
        if kind in _FLOATS or kind == "float":
            return _float({**attributes, **_FLOATS.get(str(kind), {})})
        if kind in _INTS or kind == "int":
            return _int({**attributes, **_INTS.get(str(kind), {})})
    except (KeyError, TypeError, SpaceError) as error:
        raise ValueError(f"the distribution {text[:200]} cannot be read: {error}") from error
    raise ValueError(f"there is no distribution {kind!r}; Optuna's are categorical, float and int")


def _float(attributes: Mapping[str, Any]) -> Range:
    low, high = float(attributes["low"]), float(attributes["high"])
    step = attributes.get("step", attributes.get("q"))
    if step is not None:
        step = float(step)
        high = low + math.floor((high - low) / step + 1e-8) * step
        high = float(f"{high:.12g}")
    return _number(Float(low, high, log=bool(attributes.get("log")), step=step), float)


def _int(attributes: Mapping[str, Any]) -> Range:
    low, high, log = int(attributes["low"]), int(attributes["high"]), bool(attributes.get("log"))
    step = 1 if log else int(attributes.get("step") or 1)
    high -= (high - low) % step
    try:
        return _number(Int(low, high, log=log, step=step), int)
    except SpaceError:  # wider than whole numbers that a float64 tells apart
        return _number(Float(low, high, log=log), float)


def _number(parameter: Float | Int, external: Callable[[float], Any]) -> Range:
    low, high = parameter.low, parameter.high
    if parameter.step == parameter.default_step:  # the usual case, a million times
        return Range(parameter, lambda x: x if low <= x <= high else NAN, external)

    def on_lattice(x: float) -> float:
        try:
            return parameter.to_internal(x)
        except SpaceError:
            return NAN

    return Range(parameter, on_lattice, external)


def _categorical(choices: list[Any]) -> Range:
    """Choices that are given twice, which Optuna allows, become one."""
    kept: list[Any] = []
    places: list[float] = []
    parameter: Categorical | None = None
    for choice in choices:
        if parameter is not None and parameter.contains(choice) and type(choice) is not float:
            i = int(parameter.to_internal(choice))
            if type(kept[i]) is type(choice):
                places.append(float(i))
                continue
        places.append(float(len(kept)))
        kept.append(choice)
        parameter = None if len(choices) < 2 else Categorical(kept)
    return Range(
        parameter or Categorical(kept),
        lambda x: places[int(x)] if 0 <= x < len(places) else NAN,
        lambda x: choices[int(x)] if 0 <= x < len(choices) else None,
    )


def write_distribution(parameter: Parameter) -> str:
    """Return a parameter as the JSON that Optuna stores.

    Raises:
        ValueError: Optuna has no such distribution.
    """
    if isinstance(parameter, Categorical | Ordinal):
        return json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": list(parameter.labels)}})
    if isinstance(parameter, Int | Float):
        kind = "IntDistribution" if isinstance(parameter, Int) else "FloatDistribution"
        own = {"log": parameter.log, "step": parameter.step, "low": parameter.low, "high": parameter.high}
        return json.dumps({"name": kind, "attributes": own})
    raise ValueError(f"Optuna has no distribution like {parameter!r}")
