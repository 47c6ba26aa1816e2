"""Branches of a conditional space: the values of parameters that others depend on, and the regions that they select.

Which of them the next trial goes into is decided in `tunesmith.samplers.gp.branch_choice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tunesmith.numerics.arrays import Floats, Mask
from tunesmith.space import Space
from tunesmith.text import shown

MAX_BRANCHES = 20  # values of a parent that are taken for branches


def branching_parameters(space: Space) -> list[str]:
    """Return the parameters with few values that others depend on, in the order of the space."""
    found = {name for p in space.params.values() if p.condition is not None for name in p.condition.parents}
    return [name for name in space.names if name in found and 1 < space.params[name].n_values <= MAX_BRANCHES]


class Branch:
    """A branch of a space as a region for `tunesmith.samplers.gp.maximise.maximise`.

    Args:
        space: the whole space.
        chosen: labels of branching parameters, by name; what these depend on takes the first value that admits them.
    """

    def __init__(self, space: Space, chosen: Mapping[str, Any]) -> None:
        self.space, self.chosen = space, chosen
        self.path = {space.names.index(name): _unit(space, name, v) for name, v in _path(space, chosen).items()}
        self.constraints = space.constraints
        self.to_unit, self.feasible = space.to_unit, space.feasible

    def __str__(self) -> str:
        return ", ".join(f"{name} = {shown(value)}" for name, value in self.chosen.items())

    def __len__(self) -> int:
        return len(self.space)

    def holds(self, u: Floats) -> Mask:
        """Tell which points of the unit cube [n, d] lie in the branch."""
        columns = [self.space.names.index(name) for name in self.chosen]
        return np.asarray((np.abs(u[:, columns] - [self.path[j] for j in columns]) < 1e-9).all(axis=1))

    def from_unit(self, u: Floats) -> Floats:
        """Return internal values [q, d] of points of the unit cube, moved into the branch."""
        u = u.copy()
        for j, value in self.path.items():
            u[:, j] = value
        return self.space.from_unit(u)


def _path(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chosen values, with those that make their parameters active."""
    path: dict[str, Any] = {}
    todo = list(chosen)
    while todo:
        condition = space.params[todo.pop()].condition
        for parent, values in () if condition is None else condition.clauses:
            if parent not in chosen and parent not in path:
                path[parent] = values[0]
                todo.append(parent)
    return {**path, **chosen}


def _unit(space: Space, name: str, value: Any) -> float:
    """Return the unit coordinate of a value."""
    p = space.params[name]
    return float(np.asarray(p.to_unit(np.array([p.to_internal(value)])))[0])
