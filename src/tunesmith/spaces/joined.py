"""Joins the spaces of an estimator and of all that is inside of it: steps of pipelines, members of ensembles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Space
from tunesmith.space.base import Parameter
from tunesmith.space.conditions import Condition
from tunesmith.space.convert import as_parameter
from tunesmith.spaces.about import About, Inside, kind_of
from tunesmith.spaces.given import settled
from tunesmith.spaces.known import find, known_names
from tunesmith.text import listing, shown


@dataclass(frozen=True, slots=True)
class Part:
    """The space of one estimator among those that are joined.

    Attributes:
        prefix: of its parameters' names, such as "svc__".
        family: the name under which its class is known.
        params: the parameters that are searched, by their names in the estimator itself.
        when: values of other parameters, by their whole names, while which the estimator is used.
    """

    prefix: str
    family: str
    params: Mapping[str, Parameter]
    when: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AutoSpace:
    """The space of an estimator with all that is inside of it, and the parts that it is made of."""

    space: Space
    parts: tuple[Part, ...]


def joined(estimator: Any, X: Any = None, y: Any = None, fixed: frozenset[str] = frozenset()) -> AutoSpace:
    """Return the space of an estimator.

    Args:
        X: the rows; None: sizes and scales are typical ones.
        y: the targets; None: likewise.
        fixed: names of parameters that are not to be searched.

    Returns:
        the space, and its parts.

    Raises:
        SpaceError: an estimator that predicts is not known; the message says what to write.
    """
    unknown: list[Any] = []
    parts = [
        replace(part, params={n: p for n, p in part.params.items() if part.prefix + n not in fixed})
        for part in _parts(Inside(About.of(estimator, X, y)), "", {}, unknown)
    ]
    if unknown:
        raise SpaceError(_unknown_message(estimator, unknown))
    columns: dict[str, Parameter] = {}
    for part in parts:
        for name, param in part.params.items():
            outer = {parent: value for parent, value in part.when.items() if parent in columns}
            joint = _with_prefix(param, part.prefix)
            columns[part.prefix + name] = joint.when(outer) if outer else joint
    return AutoSpace(Space(columns), tuple(parts))


def _parts(at: Inside, prefix: str, when: Mapping[str, Any], unknown: list[Any]) -> Iterator[Part]:
    """Yield the parts of an estimator and of those inside of it; add those that nobody knows to `unknown`."""
    about, estimator = at.about, at.about.estimator
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        return  # "passthrough", "drop", None: nothing is there
    found = find(estimator)
    if found is None:
        if not at.transforms and (hasattr(estimator, "predict") or not hasattr(estimator, "transform") or not prefix):
            unknown.append(estimator)
        return  # what is used to transform alone is left as it is
    name, family = found
    made = family(about)
    if not isinstance(made, Mapping | Space):
        raise SpaceError(f"the space of {name} is a dict of parameters by name; its function returned {shown(made)}")
    ranges = {n: as_parameter(n, p) for n, p in made.items() if not isinstance(p, Inside)}
    yield Part(prefix, name, settled(estimator, ranges), when)
    for inner, place in made.items():
        if isinstance(place, Inside):
            used = {**when, **{prefix + parent: value for parent, value in (place.when or {}).items()}}
            yield from _parts(
                replace(place, transforms=place.transforms or at.transforms), f"{prefix}{inner}__", used, unknown
            )


def _with_prefix(param: Parameter, prefix: str) -> Parameter:
    if param.condition is None or not prefix:
        return param
    return param.with_condition(Condition((prefix + parent, values) for parent, values in param.condition.clauses))


def _unknown_message(estimator: Any, unknown: list[Any]) -> str:
    names = dict.fromkeys(type(e).__name__ for e in unknown)
    one = unknown[0]
    if kind_of(one) == "clusterer":
        return (
            f"space='auto' has no space for {type(one).__name__}: scores of clusterings with different parameters are "
            "not comparable without labels, so there is nothing to tune by; give a space and a scoring of your own"
        )
    where = "" if one is estimator else f" (inside of {type(estimator).__name__})"
    example = next(iter(getattr(one, "get_params", dict)()), "parameter") if hasattr(one, "get_params") else "parameter"
    return (
        f"space='auto' does not know {listing(names)}{where}. Known are: {listing(known_names(), 200)}. Write the "
        f"space, as in space={{{example!r}: Float(0.1, 10, log=True)}}, or make it known: tunesmith.spaces.register("
        f"{type(one).__name__}, lambda about: {{{example!r}: Float(0.1, 10, log=True)}})"
    )
