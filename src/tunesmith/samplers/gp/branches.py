"""Branches of a conditional space: the values of parameters that others depend on, and which of them is next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.text import shown
from tunesmith.space import Space

MAX_BRANCHES = 20  # values of a parent that are taken for branches


def branching_parameters(space: Space) -> list[str]:
    """Return the parameters with few values that others depend on, in the order of the space."""
    found = {name for p in space.params.values() if p.condition is not None for name in p.condition.parents}
    return [name for name in space.names if name in found and 1 < space.params[name].n_values <= MAX_BRANCHES]


class Branch:
    """A branch of a space as a region for `tunesmith.samplers.gp.maximise.maximise`.

    Args:
        chosen: labels of branching parameters, by name; what these depend on takes the first value that admits them.
    """

    def __init__(self, space: Space, chosen: Mapping[str, Any]) -> None:
        self.space, self.chosen = space, chosen
        self.path = {space.names.index(name): _unit(space, name, v) for name, v in _with_parents(space, chosen).items()}
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


def _with_parents(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
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


# -- which branch the next trial goes into ----------------------------------------------------------------------------
#
# A handful of trials say little about the best of a branch of several parameters, yet they look poor beside a branch
# that was searched for long, and a process of all trials is sure of it: one step of expected improvement never pays
# there. So branches are compared by what they can reach. The best value of a branch improves by about a half of (median
# - best) each time that its trials double, whatever the objective. The branch whose best value would be lowest with as
# many trials as all branches have together is next; there the point is proposed that is expected to improve most on the
# best value of *that* branch. In a branch that is exhausted the median lies close to the best value, so it loses its
# turn however good it is.
#
# The decision is made from the root of the tree downwards. Where several branching parameters are active together, they
# take turns.

# Chosen on the boosted trees (`rbv2_xgboost`) and choices of models (`rbv2_rpart`, `rbv2_xgboost`, `iaml_glmnet`) of
# YAHPO Gym, with ten synthetic choices of models beside them. As a gain, 1 is as good and 0.25 worse: regret + 0.1.
TRIALS_BEFORE_BRANCHES = 8  # trials before a branch is chosen; 12 are worse
GAIN_OF_DOUBLING = 0.5  # share of (median - best) by which the best value improves when the trials of a branch double
SPREAD_SHRINKAGE_TRIALS = 2.0  # trials that the spread of all branches counts as, in that of one


def promising_branch(
    space: Space, x: Floats, y: Floats, running: Floats, leader: Floats, turn: int
) -> dict[str, Any] | None:
    """Return the branch that is expected to reach the lowest value; None if the best trial lies in it.

    Args:
        x: internal values [n, d] of the finished trials.
        y: their values [n]; of those that failed or violate a constraint, the worst one.
        running: internal values [p, d] of the running trials.
        leader: internal values [d] of the best trial.
        turn: branching parameters that are active together take turns by this count.

    Returns:
        The values of the branching parameters that lead into it, by name, as conditions have them: labels.
    """
    conditions = {name: space.params[name].condition for name in branching_parameters(space)}
    names = [name for name, c in conditions.items() if c is None or conditions.keys().isdisjoint(c.parents)]
    if len(x) + len(running) < TRIALS_BEFORE_BRANCHES:
        return None
    chosen: dict[str, Any] = {}
    is_new = False
    while names:
        turn, at = divmod(turn, len(names))
        name = names[at]
        p, j = space.params[name], space.names.index(name)
        values = p.cells(np.arange(int(p.n_values)))
        finished, begun = x[:, j, None] == values, running[:, j, None] == values
        active = finished.any(axis=1)
        best = int(_expected_best(y[active], finished[active], begun.sum(axis=0)).argmin())
        chosen[name] = p.to_label(float(values[best]))
        is_new |= bool(leader[j] != values[best])
        x, y, running = x[finished[:, best]], y[finished[:, best]], running[begun[:, best]]
        names = [child for child, c in conditions.items() if c is not None and name in c.parents and c.holds(chosen)]
    return chosen if is_new else None


def _expected_best(y: Floats, is_in: Mask, running: Indices) -> Floats:
    """Return the value that each of b branches is expected to reach with as many trials as all of them have.

    Args:
        y: values [n] of the finished trials, each of which is in a branch.
        is_in: in which one [n, b].
        running: how many trials run in each [b].
    """
    if not len(y):
        return np.asarray(running, float)
    parts = [y[column] for column in is_in.T]
    medians = np.array([np.median(part) if len(part) else np.nan for part in parts])
    middle = float(np.nanmean(medians))
    best = np.array([part.min() if len(part) else middle for part in parts])
    count = is_in.sum(axis=0)
    spread = np.nan_to_num(medians - best) * count + SPREAD_SHRINKAGE_TRIALS * (middle - float(y.min()))
    n = count + running
    doublings = np.log2(n.sum() / np.maximum(n, 0.5))
    return np.asarray(best - GAIN_OF_DOUBLING * spread / (count + SPREAD_SHRINKAGE_TRIALS) * doublings)
