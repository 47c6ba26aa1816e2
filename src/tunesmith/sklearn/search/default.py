"""The estimator's own configuration as a candidate: the baseline of a search."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.sklearn.checks.names import lists_all_params
from tunesmith.sklearn.protocols import Estimator, Params
from tunesmith.sklearn.search.choices import user_name
from tunesmith.sklearn.store.fingerprint import describe
from tunesmith.space import Categorical, Space
from tunesmith.space.convert import BRANCH
from tunesmith.study.adopt import row_of


def default_params(estimator: Estimator, space: Space) -> dict[str, Any] | None:
    """Return the values that the estimator itself has of the space's parameters; None if it has none of them.

    Those that ``get_params`` does not tell are missing (see `undisclosed_params`).

    Args:
        estimator: what is tuned, as the user made it.
        space: what is searched.
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
        space: what is searched.
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
        row = space.encode([inside])[0].tolist() if BRANCH in space else row_of(space, inside)
    except SpaceError:
        return None
    return row if bool(space.contains_rows(np.array([row]))[0]) else None
