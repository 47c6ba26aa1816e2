"""What the models are fitted to: finished trials as arrays of finite values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tunesmith.history import History
from tunesmith.numerics.arrays import Floats, Mask
from tunesmith.samplers.common import Boundaries, point_keys
from tunesmith.space import Space
from tunesmith.state import TrialState


@dataclass(slots=True)
class TrainingData:
    """Finished trials as arrays.

    Attributes:
        x: internal values [n, d].
        u: the same in the unit cube.
        y: values [n, m], always finite: of failed trials the worst that was seen, of infinities the nearest one.
        noise: standard deviations of the errors of the values [n, m]; 0 where they are not known.
        c: constraint values [n, k], NaN where unknown.
        failed: which trials have no value, [n].
        feasible: which trials have a value and violate no constraint, [n]; with several objectives a trial that was
            stopped early is none, since what it reported then may dominate what others have at their ends; nor is one
            whose value is expected, if there are others.
        expected: whose values are expected ones, of trials that did not come to their end [n].
        boundaries: what happened at the bounds of parameters.
    """

    x: Floats
    u: Floats
    y: Floats
    noise: Floats
    c: Floats
    failed: Mask
    feasible: Mask
    expected: Mask
    boundaries: Boundaries

    @classmethod
    def of(cls, history: History, space: Space, tree: Space, n: int | None = None) -> TrainingData:
        """Return what the first rows of a history hold about the parameters of a space; one value must be finite.

        Args:
            history: the history.
            space: the space as the study has it.
            tree: the same parameters with conditions, declared or inferred.
            n: how many rows; None: all.
        """
        n = len(history) if n is None else n
        x = history.points(space)[:n]
        if tree.is_conditional:
            x = tree.mask(x)
        u = tree.to_unit(x) if tree is not space else history.unit(space)[:n]
        y = np.array(history.y[:n])
        noise = np.where(np.isfinite(y), np.nan_to_num(history.noise[:n]), 0.0)
        failed = np.isnan(y).any(axis=1) | (history.state[:n] == TrialState.FAIL)
        for column in y.T:
            finite = column[np.isfinite(column)]
            column[np.isnan(column)] = np.inf
            np.clip(column, finite.min(), finite.max(), out=column)
        boundaries = Boundaries(tree)
        boundaries.add(u, failed)
        feasible = ~failed & history.feasible[:n]
        if history.n_objectives > 1:
            feasible &= history.state[:n] != TrialState.PRUNED
        expected = np.isin(history.number[:n], list(history.expected))
        if (measured := feasible & ~expected).any():  # an expected value is none that was reached
            feasible = measured
        return cls(x, u, y, noise, history.c[:n], failed, feasible, expected, boundaries)

    def without_boundary_failures(self) -> TrainingData:
        """Return the trials without those that failed because they lay at the bound of a parameter.

        To a model, such a failure beside the best trials would say that they are bad, too.
        """
        keep = ~(self.failed & self.boundaries.explain_failure(self.u))
        if keep.all():
            return self
        x, u, y, noise, c = (part[keep] for part in (self.x, self.u, self.y, self.noise, self.c))
        failed, feasible, expected = (part[keep] for part in (self.failed, self.feasible, self.expected))
        return TrainingData(x, u, y, noise, c, failed, feasible, expected, self.boundaries)

    def is_duplicate(self, pending: Floats, tried_too: bool = True) -> Callable[[Floats], Mask]:
        """Return a function that tells which rows of x[q, d] are among pending[p, d], or were tried before, too.

        A trial is the same as another one if all parameters that the other one used have the same values: an objective
        that follows conditions without declaring them would not read the rest.
        """
        rows = np.vstack([self.x, pending]) if tried_too else pending
        patterns, of = np.unique(~np.isnan(rows), axis=0, return_inverse=True)
        tried = [
            (np.flatnonzero(pattern), set(point_keys(rows[of.ravel() == i][:, pattern])))
            for i, pattern in enumerate(patterns)
            if pattern.any()
        ]

        def is_known(x: Floats) -> Mask:
            found = np.zeros(len(x), bool)
            for columns, keys in tried:
                found |= [key in keys for key in point_keys(x[:, columns])]
            return found

        return is_known
