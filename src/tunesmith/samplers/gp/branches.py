"""Against settling in the first branch of a conditional space that turned out well.

A branch is a value of a parameter that others depend on. A handful of trials say little about the best of a branch of
several parameters, yet they look poor beside a branch that was searched for long, and a model is sure of it. So once
the model expects next to nothing of its best proposal, every second trial goes into an underexplored branch, to the
point that is expected to improve most on *that branch's* own best: the branches are compared by what they can reach.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tunesmith.numerics.arrays import Floats, Mask
from tunesmith.space import Space

NEGLIGIBLE = -3.0  # log expected improvement in standard deviations: a gain of 5 % of one
INTERVAL = 2  # one of so many trials goes into an underexplored branch, once it has come to that
MAX_BRANCHES = 20  # values of a parent that are taken for branches


def branching_parameters(space: Space) -> list[str]:
    """Return the parameters with few values that others depend on, in the order of the space."""
    found = {name for p in space.params.values() if p.condition is not None for name in p.condition.parents}
    return [name for name in space.names if name in found and 1 < space.params[name].n_values <= MAX_BRANCHES]


def underexplored_branch(space: Space, tried: Floats, incumbent: Floats, turn: int) -> dict[int, float] | None:
    """Return the branch that was tried least.

    Args:
        space: the space.
        tried: internal values [n, d] of all trials, running ones too.
        incumbent: internal values [d] of the best one, whose own branches do not count.
        turn: the branching parameters take turns by this count.

    Returns:
        The unit coordinates that lead into it, by column; None if there is no branch.
    """
    choices = branching_parameters(space)
    if not choices:
        return None
    name = choices[turn % len(choices)]
    p = space.params[name]
    j = space.names.index(name)
    cells = (np.arange(int(p.n_values)) + 0.5) / int(p.n_values)
    values = p.from_unit(cells)
    others = np.flatnonzero(values != incumbent[j])
    counts = (tried[:, j][:, None] == values[others]).sum(axis=0)
    path: dict[int, float] = {}
    _activate(space, name, path)
    path[j] = float(cells[others[int(counts.argmin())]])
    return path


def _activate(space: Space, name: str, path: dict[int, float]) -> None:
    """Set what the parameter depends on so that it is active."""
    condition = space.params[name].condition
    if condition is None:
        return
    for parent, values in condition.clauses:
        _activate(space, parent, path)
        p = space.params[parent]
        path[space.names.index(parent)] = float(np.asarray(p.to_unit(np.array([p.to_internal(values[0])])))[0])


class Branch:
    """A branch of a space as a region for `tunesmith.samplers.gp.maximise.maximise`.

    Args:
        space: the whole space.
        path: unit coordinates by column, as `underexplored_branch` gives them.
    """

    def __init__(self, space: Space, path: Mapping[int, float]) -> None:
        self.space, self.path = space, path
        self.constraints = space.constraints
        self.to_unit, self.feasible = space.to_unit, space.feasible

    def __len__(self) -> int:
        return len(self.space)

    def holds(self, u: Floats) -> Mask:
        """Tell which points of the unit cube [n, d] lie in the branch."""
        columns = list(self.path)
        return np.asarray((np.abs(u[:, columns] - [self.path[j] for j in columns]) < 1e-9).all(axis=1))

    def from_unit(self, u: Floats) -> Floats:
        """Return internal values [q, d] of points of the unit cube, moved into the branch."""
        u = u.copy()
        for j, value in self.path.items():
            u[:, j] = value
        return self.space.from_unit(u)
