"""What a search gets as its space: "auto", a space of the user's own, or both: ``{"C": Float(1, 10), ...: "auto"}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Space
from tunesmith.space.base import Parameter
from tunesmith.space.convert import as_parameter
from tunesmith.spaces.given import resolved
from tunesmith.spaces.joined import AutoSpace, joined
from tunesmith.text import did_you_mean, listing

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
