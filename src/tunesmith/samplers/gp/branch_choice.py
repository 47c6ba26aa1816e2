"""Which branch of a conditional space the next trial goes into.

A handful of trials say little about the best of a branch of several parameters, yet they look poor beside a branch that
was searched for long, and a process of all trials is sure of it: one step of expected improvement never pays there. So
branches are compared by what they can reach. The best value of a branch improves by about a half of (median - best)
each time that its trials double, whatever the objective. The branch whose best value would be lowest with as many
trials as all branches have together is next; there the point is proposed that is expected to improve most on the best
value of *that* branch. In a branch that is exhausted the median lies close to the best value, so it loses its turn
however good it is.

The decision is made from the root of the tree downwards. Where several branching parameters are active together, they
take turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.numerics.arrays import Floats, Indices, Mask
from tunesmith.samplers.gp.branches import branching_parameters
from tunesmith.space import Space

# Chosen on the boosted trees (`rbv2_xgboost`) and choices of models (`rbv2_rpart`, `rbv2_xgboost`, `iaml_glmnet`) of
# YAHPO Gym, with ten synthetic choices of models beside them. As a gain, 1 is as good and 0.25 worse: regret + 0.1.
FIRST = 8  # trials before a branch is chosen; 12 are worse
GAIN = 0.5  # share of (median - best) by which the best value improves when the trials of a branch double
SHRINKAGE = 2.0  # trials that the spread of all branches counts as, in that of one


def promising_branch(
    space: Space, x: Floats, y: Floats, running: Floats, leader: Floats, turn: int
) -> dict[str, Any] | None:
    """Return the branch that is expected to reach the lowest value; None if the best trial lies in it.

    Args:
        space: the space.
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
    if len(x) + len(running) < FIRST:
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
        best = int(_reach(y[active], finished[active], begun.sum(axis=0)).argmin())
        chosen[name] = p.to_label(float(values[best]))
        is_new |= bool(leader[j] != values[best])
        x, y, running = x[finished[:, best]], y[finished[:, best]], running[begun[:, best]]
        names = [child for child, c in conditions.items() if c is not None and name in c.parents and c.holds(chosen)]
    return chosen if is_new else None


def _reach(y: Floats, is_in: Mask, running: Indices) -> Floats:
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
    spread = np.nan_to_num(medians - best) * count + SHRINKAGE * (middle - float(y.min()))
    n = count + running
    doublings = np.log2(n.sum() / np.maximum(n, 0.5))
    return np.asarray(best - GAIN * spread / (count + SHRINKAGE) * doublings)
