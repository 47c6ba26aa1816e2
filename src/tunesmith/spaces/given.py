"""How a space of an estimator's kind becomes that of one estimator: by the values that it has.

- A number that is set, or a default, is inside: the range is extended as far as needed.
- A choice that is set (``kernel="linear"``) was decided and stays; what depends on it follows.
- What the space cannot express (a function, a word that it does not know) stays as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tunesmith.space import Categorical, Float, Int
from tunesmith.space.base import Parameter
from tunesmith.space.conditions import Condition
from tunesmith.space.words import with_range, without_words, words_of
from tunesmith.spaces.about import own_values

_MISSING = object()


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
            if library_default(type(estimator), name) is not _MISSING:  # CatBoost lists only what was set
                kept[name] = param
            continue
        usual = library_default(type(estimator), name)
        # an argument that has no default has to be given, which decides nothing
        decided = type(param) is Categorical and usual is not _MISSING and not _same(own[name], usual)
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
        same = [word for word, place in words_of(param) if number and place == value and word != value]
        return without_words(param, same)
    if not number or not isinstance(param, Float | Int) or not abs(value) < 1e15:
        return None
    if isinstance(param, Int) and not float(value).is_integer():
        return None
    if isinstance(param, Float) and param.high <= 1.0 and isinstance(value, int) and value > 1:
        return None  # a number of columns or rows where the range is of shares
    words = dict(words_of(param))
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
    return _MISSING


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
