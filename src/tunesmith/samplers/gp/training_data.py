"""What model-based samplers see of a history: finite values, what failed, what is feasible, what was tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.samplers.common.boundaries import Ends
from tunesmith.space import Space
from tunesmith.state import TrialState

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Observed:
    """Finished trials as arrays.

    Attributes:
        x: internal values [n, d]. u: the same in the unit cube.
        y: values [n, m], always finite: of failed trials the worst that was seen, infinities at the nearest end.
        c: constraint values [n, k], NaN where unknown.
        failed: which trials have no value, [n].
        feasible: which trials have a value and violate no constraint, [n].
        ends: what trials at the ends of parameters came to.
    """

    x: Floats
    u: Floats
    y: Floats
    c: Floats
    failed: Mask
    feasible: Mask
    ends: Ends

    def inside(self) -> Observed:
        """Return the trials without those that failed because of the end of a parameter that they were at.

        To a model such a failure beside the best trials would say that they are bad, too.
        """
        keep = ~(self.failed & self.ends.blames(self.u))
        if keep.all():
            return self
        x, u, y, c = (part[keep] for part in (self.x, self.u, self.y, self.c))
        return Observed(x, u, y, c, self.failed[keep], self.feasible[keep], self.ends)

    def known(self, pending: Floats) -> Callable[[Floats], Mask]:
        """Return a function that tells which rows of x[q, d] were tried before or run now.

        A trial is the same as another one if all parameters that the other one used have the same values: an objective
        that follows conditions without declaring them would not read the rest.
        """
        rows = np.vstack([self.x, pending])
        used = ~np.isnan(rows)
        kinds, of = np.unique(used, axis=0, return_inverse=True)
        tried = [
            (np.flatnonzero(kind), set(_keys(rows[of.ravel() == i][:, kind])))
            for i, kind in enumerate(kinds)
            if kind.any()
        ]

        def is_known(x: Floats) -> Mask:
            found = np.zeros(len(x), bool)
            for columns, keys in tried:
                found |= [key in keys for key in _keys(x[:, columns])]
            return found

        return is_known


def observe(history: History, space: Space, tree: Space) -> Observed:
    """Return what the history holds about the parameters of a space; it must hold a finite value.

    Args:
        history: the history.
        space: the space as the study has it.
        tree: the same parameters with conditions, declared or inferred.
    """
    x = tree.mask(history.points(space))
    u = tree.to_unit(x) if tree is not space else history.unit(space)
    y = np.array(history.y)
    failed = np.isnan(y).any(axis=1) | (history.state == TrialState.FAIL)
    for column in y.T:
        finite = column[np.isfinite(column)]
        column[np.isnan(column)] = np.inf
        np.clip(column, finite.min(), finite.max(), out=column)
    ends = Ends(tree)
    ends.take(u, failed)
    return Observed(x, u, y, history.c, failed, ~failed & history.feasible, ends)


def _keys(x: Floats) -> list[bytes]:
    rows = np.ascontiguousarray(np.nan_to_num(x, nan=np.inf) + 0.0)
    return [row.tobytes() for row in rows]
