"""The estimator's own configuration as a candidate: the baseline of a search."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.sklearn.checks.names import lists_all_params
from tunesmith.sklearn.protocols import Estimator, Params
from tunesmith.sklearn.store.fingerprint import describe
from tunesmith.space import Categorical, Space
from tunesmith.space.convert import BRANCH
from tunesmith.space.words import words_of_parameter
from tunesmith.study.adopt import internal_row

# ----------------------------------------------------------------------------------------------------------------------
# Spaces whose choices are estimators: which parameters belong to which choice, and the objects behind names.


def tied_to_choices(space: Space) -> Space:
    """Return the space with each ``clf__C`` tied to those choices of ``clf`` that have a ``C``.

    A parameter that has a condition on ``clf`` already, or that every choice has, or none, is left as it is.

    Raises:
        SpaceError: the space has nested choices, whose points are not parameters of an estimator.
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
            having = [label for label, c in zip(choice.labels, choice.choices, strict=True) if _has_parameter(c, rest)]
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
    if any(words_of_parameter(param) for param in space.params.values()):
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


def _has_parameter(choice: Any, name: str) -> bool:
    if not hasattr(choice, "get_params") or isinstance(choice, type):
        return False
    return name in choice.get_params(deep=True)


# ----------------------------------------------------------------------------------------------------------------------


def default_params(estimator: Estimator, space: Space) -> dict[str, Any] | None:
    """Return the values that the estimator itself has of the space's parameters; None if it has none of them.

    Those that ``get_params`` does not tell are missing (see `undisclosed_params`).

    Args:
        estimator: what is tuned, as the user made it.
    """
    own = estimator.get_params()
    found = {name: own[name] for name in dict.fromkeys(space.outer_names) if name in own}
    return found if found or undisclosed_params(estimator, space) else None


def undisclosed_params(estimator: Estimator, space: Space) -> list[str]:
    """Return the space's parameters of which the estimator does not tell its own value.

    CatBoost's ``get_params`` lists what the constructor was given, and ``set_params`` takes more. A name that cannot be
    set in the estimator as it is, such as one of another choice of a pipeline's step, is none of them.
    """
    own = estimator.get_params()
    missing: list[str] = []
    for name in dict.fromkeys(space.outer_names):
        parts = name.split("__")
        owners = (own.get("__".join(parts[:i])) for i in range(len(parts) - 1, 0, -1))
        owner = next((o for o in owners if o is not None), estimator)
        if name not in own and hasattr(owner, "set_params") and not lists_all_params(owner):
            missing.append(name)
    return missing


def default_row(params: Params, space: Space) -> list[float] | None:
    """Return the default as a point of the space, or None if it lies outside: ``gamma="scale"`` among numbers.

    Args:
        params: from `default_params`. An estimator among them is the choice that is described alike.
    """
    inside: dict[str, Any] = {}
    for column, param in space.params.items():
        name = user_name(space, column)
        if name not in params:
            continue
        value = params[name]
        if isinstance(param, Categorical) and (hasattr(value, "get_params") or not param.contains(value)):
            alike = [choice for choice in param.choices if describe(choice) == describe(value)]
            value = alike[0] if alike else value
        if param.contains(value):  # if it is missed will be seen below: it may be inactive
            inside[name] = value
    try:
        row = space.encode([inside])[0].tolist() if BRANCH in space else internal_row(space, inside)
    except SpaceError:
        return None
    return row if bool(space.contains_rows(np.array([row]))[0]) else None
