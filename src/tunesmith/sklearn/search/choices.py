"""Spaces whose choices are estimators: which parameters belong to which choice, and the objects behind names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Space
from tunesmith.space.convert import BRANCH
from tunesmith.space.words import words_of


def tied_to_choices(space: Space) -> Space:
    """Return the space with each ``clf__C`` tied to those choices of ``clf`` that have a ``C``.

    A parameter that has a condition on ``clf`` already, or that every choice has, or none, is left as it is.

    Raises:
        SpaceError: the space has nested choices, whose points are no parameters of an estimator.
    """
    if space.shape is not None:
        raise SpaceError(
            f"an estimator's parameters have flat names, so its space has no nested choices or dicts "
            f"({', '.join(map(repr, space.shape.nodes))}); write a list of dicts, [{{'clf': [SVC()], 'clf__C': "
            "Float(0.1, 10)}, {'clf': [Ridge()]}], or conditions: Float(0.1, 10).when(clf='SVC')"
        )
    if BRANCH in space:
        return space  # a list of dicts says itself what belongs to what
    params = dict(space.params)
    for name, param in space.params.items():
        for parent in _parents(name):
            choice = params.get(parent)
            if not isinstance(choice, Categorical) or parent in _conditioned(param):
                continue
            rest = name[len(parent) + 2 :]
            having = [label for label, c in zip(choice.labels, choice.choices, strict=True) if _has(c, rest)]
            if having and len(having) < len(choice.choices):
                param = param.when(**{parent: having})
        params[name] = param
    if params == dict(space.params):
        return space
    return Space(params, constraints=[c.fn for c in space.constraints if c.fn is not None])


def restore_objects(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate read from a storage with the objects and the words of the space.

    A storage keeps objects by name, and of a range with words the numbers that they stand for.
    """
    found = dict(params)
    for column, param in space.params.items():
        name = user_name(space, column)
        if isinstance(param, Categorical) and isinstance(found.get(name), str):
            named = dict(zip(param.names, param.choices, strict=True))
            found[name] = named.get(found[name], found[name])
    if any(words_of(param) for param in space.params.values()):
        with suppress(SpaceError):  # a point of another space stays as it is
            found = space.decode(space.encode([found]))[0]
    return found


def user_name(space: Space, column: str) -> str:
    """Return the name that users know a column of the space by: in a list of dicts, each has a column of its own."""
    return re.sub(r"@\d+$", "", column) if BRANCH in space else column


def n_values(space: Space) -> dict[str, float]:
    """Return how many values each parameter can have, by the name users know."""
    counts: dict[str, float] = {}
    for column, param in space.params.items():
        name = user_name(space, column)
        counts[name] = counts.get(name, 0) + param.n_values
    return counts


def _parents(name: str) -> list[str]:
    """The parameters that decide whether this one exists: of ``a__b__c`` they are ``a`` and ``a__b``."""
    parts = name.split("__")
    return ["__".join(parts[:i]) for i in range(1, len(parts))]


def _conditioned(param: Any) -> set[str]:
    return {parent for parent, _ in param.condition.clauses} if param.condition is not None else set()


def _has(choice: Any, name: str) -> bool:
    if not hasattr(choice, "get_params") or isinstance(choice, type):
        return False
    return name in choice.get_params(deep=True)
