"""The space of an estimator and of all that is inside of it: steps of pipelines, members of ensembles."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.space.base import Parameter
from tunesmith.space.conditions import Condition
from tunesmith.space.convert import as_parameter
from tunesmith.space.estimators.about import About, Inside, estimator_kind, own_values
from tunesmith.space.estimators.known import find, known_names
from tunesmith.space.words import with_range, without_words, words_of_parameter


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
        for part in _parts_of(Inside(About.of(estimator, X, y)), "", {}, unknown)
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


def _parts_of(at: Inside, prefix: str, when: Mapping[str, Any], unknown: list[Any]) -> Iterator[Part]:
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
            yield from _parts_of(
                replace(place, transforms=place.transforms or at.transforms), f"{prefix}{inner}__", used, unknown
            )


def _with_prefix(param: Parameter, prefix: str) -> Parameter:
    if param.condition is None or not prefix:
        return param
    return param.with_condition(Condition((prefix + parent, values) for parent, values in param.condition.clauses))


def _unknown_message(estimator: Any, unknown: list[Any]) -> str:
    names = dict.fromkeys(type(e).__name__ for e in unknown)
    one = unknown[0]
    if estimator_kind(one) == "clusterer":
        return (
            f"space='auto' has no space for {type(one).__name__}: scores of clusterings with different parameters are "
            "not comparable without labels, so there is nothing to tune by; give a space and a scoring of your own"
        )
    where = "" if one is estimator else f" (inside of {type(estimator).__name__})"
    example = next(iter(getattr(one, "get_params", dict)()), "parameter") if hasattr(one, "get_params") else "parameter"
    return (
        f"space='auto' does not know {listing(names)}{where}. Known are: {listing(known_names(), 200)}. Write the "
        f"space, as in space={{{example!r}: Float(0.1, 10, log=True)}}, or make it known: tunesmith.space.register("
        f"{type(one).__name__}, lambda about: {{{example!r}: Float(0.1, 10, log=True)}})"
    )


# ----------------------------------------------------------------------------------------------------------------------
# What a search gets as its space: "auto", a space of the user's own, or both: ``{"C": Float(1, 10), ...: "auto"}``.

AUTO = "auto"


def resolve(
    space: Any, estimator: Any, X: Any = None, y: Any = None, fixed: frozenset[str] = frozenset()
) -> AutoSpace | None:
    """Return the space that an argument ``space`` asks for where it says "auto"; None: it does not.

    Args:
        space: "auto", or a dict in which single parameters, or ``...`` for all others, are "auto".
        estimator: what is tuned.

    Returns:
        the space, with the parts that are automatic.
    """
    if isinstance(space, str) and space == AUTO:
        return joined(estimator, X, y, fixed)
    if isinstance(space, Space) or not isinstance(space, Mapping):
        return None
    wanted = [name for name, value in space.items() if isinstance(value, str) and value == AUTO]
    if ... in space and ... not in wanted:
        raise SpaceError(f"space: the key ... is all other parameters, and takes 'auto' alone; got {space[...]!r}")
    return _mixed(space, wanted, estimator, joined(estimator, X, y, fixed)) if wanted else None


def _mixed(space: Mapping[Any, Any], wanted: list[Any], estimator: Any, auto: AutoSpace) -> AutoSpace:
    """Return the user's parameters with automatic ones beside them."""
    own = {name: as_parameter(name, value) for name, value in space.items() if name not in wanted}
    for name in wanted:
        if name is not ... and name not in auto.space:
            raise SpaceError(
                f"space: {name!r} has no automatic range{did_you_mean(name, auto.space)} (those that have one: "
                f"{listing(auto.space, 60)}); give a range, as in {{{name!r}: Float(0.1, 10, log=True)}}"
            )
    taken = list(auto.space) if ... in wanted else wanted
    columns: dict[str, Parameter] = {}
    for name in space:
        if name is not ...:
            columns[name] = own[name] if name in own else auto.space[name]
    for name in taken:  # a step that the user chooses among estimators has other parameters
        if name not in columns and not any(name.startswith(f"{given}__") for given in own):
            columns[name] = auto.space[name]
    values = estimator.get_params()
    while True:
        found = {n: p if n in own else resolved(p, columns, values) for n, p in columns.items()}
        left = {name: param for name, param in found.items() if param is not None}
        if len(left) == len(columns):
            parts = (
                replace(
                    part, params={n: p for n, p in part.params.items() if part.prefix + n in left.keys() - own.keys()}
                )
                for part in auto.parts
            )
            return AutoSpace(Space(left), tuple(parts))
        columns = {name: columns[name] for name in left}


# ----------------------------------------------------------------------------------------------------------------------
# How a space of an estimator's kind becomes that of one estimator: by the values that it has.
#
# - A number that is set, or a default, is inside: the range is extended as far as needed.
# - A choice that is set (``kernel="linear"``) was decided and stays; what depends on it follows.
# - What the space cannot express (a function, a word that it does not know) stays as well.

NO_DEFAULT = object()


def settled(estimator: Any, params: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the parameters that are to be searched, with the estimator's own values inside.

    Args:
        params: the space of its kind. Parameters that this estimator does not have (an older release) are left out.

    Returns:
        the parameters that are left, their conditions in terms of each other.
    """
    own = own_values(estimator)
    kept: dict[str, Parameter] = {}
    for name, param in params.items():
        if name not in own:
            if library_default(type(estimator), name) is not NO_DEFAULT:  # CatBoost lists only what was set
                kept[name] = param
            continue
        usual = library_default(type(estimator), name)
        # an argument that has no default has to be given, which decides nothing
        decided = type(param) is Categorical and usual is not NO_DEFAULT and not _same(own[name], usual)
        found = None if decided else holding(param, own[name])
        if found is not None:
            kept[name] = found
    while True:
        left = {n: r for n, p in kept.items() if (r := resolved(p, kept, own)) is not None}
        if len(left) == len(kept):
            return left
        kept = {name: kept[name] for name in left}


def holding(param: Parameter, value: Any) -> Parameter | None:
    """Return a parameter extended so far that it holds a value; None: it cannot hold it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if param.contains(value):
        # where the number itself is set, a word for it is another way to write what it is
        same = [word for word, place in words_of_parameter(param) if number and place == value and word != value]
        return without_words(param, same)
    if not number or not isinstance(param, Float | Int) or not abs(value) < 1e15:
        return None
    if isinstance(param, Int) and not float(value).is_integer():
        return None
    if isinstance(param, Float) and param.high <= 1.0 and isinstance(value, int) and value > 1:
        return None  # a number of columns or rows where the range is of shares
    words = dict(words_of_parameter(param))
    if param.log and value <= 0:
        if value < 0:
            return None
        return with_range(param, param.low, param.high, {**words, value: param.low})  # nearly nothing stands for it
    return with_range(param, min(param.low, value), max(param.high, value), words)


def library_default(cls: type, name: str) -> Any:
    """Return the default of a constructor's argument, found in the class or the bases that it hands arguments on to."""
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        try:
            arguments = inspect.signature(vars(base)["__init__"]).parameters
        except (TypeError, ValueError):
            continue
        found = arguments.get(name)
        if found is not None and found.default is not inspect.Parameter.empty:
            return found.default
        if not any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()):
            break  # it hands nothing on: what its bases take cannot be set
    return NO_DEFAULT


def resolved(param: Parameter, kept: Mapping[str, Parameter], own: Mapping[str, Any]) -> Parameter | None:
    """Return a parameter with conditions on searched ones only; None: it is never active.

    Args:
        own: the values of those that are not.
    """
    if param.condition is None:
        return param
    clauses = []
    for parent, values in param.condition.clauses:
        if parent in kept:
            allowed = [v for v in values if kept[parent].contains(v)]
            if not allowed:
                return None
            clauses.append((parent, allowed))
        elif not Condition([(parent, values)]).holds({parent: own.get(parent)}):
            return None
    return param.with_condition(Condition(clauses) if clauses else None)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:  # an array, or an __eq__ of a foreign class
        return False
