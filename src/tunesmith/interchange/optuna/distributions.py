"""Optuna's distributions as parameters of ours, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter
from tunesmith.space.labels import label_key
from tunesmith.text import shown

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
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"the distribution {shown(text, 200)} cannot be read: {error}") from error
    raise ValueError(f"there is no distribution {shown(kind)}; Optuna's are categorical, float and int")


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
    except SpaceError:
        return _number(Int(low, high, log=log), int)  # beyond 2**53 there are no steps


def _number(parameter: Float | Int, external: Callable[[float], Any]) -> Range:
    low, high = float(parameter.low), float(parameter.high)
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
    kept: dict[Hashable, int] = {}
    places = [float(kept.setdefault(label_key(choice), len(kept))) for choice in choices]
    first = dict(zip(reversed(places), reversed(choices), strict=True))
    return Range(
        Categorical([first[place] for place in range(len(kept))]),
        lambda x: places[int(x)] if 0 <= x < len(places) else NAN,
        lambda x: choices[int(x)] if 0 <= x < len(choices) else None,
    )


@dataclass(frozen=True, slots=True)
class AsOptuna:
    """A distribution as its user sees it in Optuna.

    Attributes:
        facts: what it is: "kind", and "choices" or "low", "high", "log" and "step".
        external: gives the value that Optuna's objective saw, of the number that is stored.
    """

    facts: dict[str, Any]
    external: Callable[[float], Any]


def as_optuna(text: str) -> AsOptuna:
    """Return what a distribution says in Optuna, to compare it with what became of it here.

    Args:
        text: its JSON, which `read_distribution` takes.
    """
    data = json.loads(text)
    said = data.get("attributes", data)
    kind = str(data.get("name") or data.get("type"))
    if kind in ("CategoricalDistribution", "categorical"):
        choices = list(said["choices"])
        return AsOptuna({"kind": "categorical", "choices": choices}, lambda x: choices[int(x)])
    number = int if kind in _INTS or kind == "int" else float
    said = {**said, **_FLOATS.get(kind, {}), **_INTS.get(kind, {})}
    step = said.get("step", said.get("q"))
    if number is int:
        step = step or 1
    return _seen(number, said["low"], said["high"], bool(said.get("log")), step)


def facts_of(parameter: Parameter) -> AsOptuna:
    """Return the same of a parameter of ours."""
    if isinstance(parameter, Int | Float):
        number = int if isinstance(parameter, Int) else float
        return _seen(number, parameter.low, parameter.high, parameter.log, parameter.step)
    choices = list(getattr(parameter, "labels", ()))
    return AsOptuna({"kind": "categorical", "choices": choices}, lambda x: choices[int(x)])


def _seen(number: type[int] | type[float], low: Any, high: Any, log: bool, step: Any) -> AsOptuna:
    def seen(x: Any) -> Any:
        # Optuna's steps of 0.1 lead to 0.30000000000000004, and ours to 0.3.
        return float(f"{x:.12g}") if number is float and step is not None else number(x)

    kind = number.__name__
    return AsOptuna({"kind": kind, "low": seen(low), "high": seen(high), "log": log, "step": step}, seen)


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
