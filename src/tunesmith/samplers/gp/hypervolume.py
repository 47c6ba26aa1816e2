"""Where a front is expected to grow most, given a Gaussian process of each objective.

Values are those after each objective's transform, so no objective counts more for its scale. The reference point is,
in turn, the worst of all trials and just behind the front: the first alone neglects the middle of a front, the
second its ends (both were measured: on ZDT1 to 3 in turn is best).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.acquisition import log_probability_below
from tunesmith.numerics.ehvi import log_ehvi_over
from tunesmith.numerics.pareto import non_dominated
from tunesmith.samplers.gp.acquisition import Model
from tunesmith.samplers.gp.prior_weight import Belief

Floats = NDArray[np.float64]
BEHIND = 0.1  # how far behind the front's worst value, in parts of its span


def reference(reached: Floats, front: Floats, wide: bool) -> Floats:
    """Return the point [m] up to which the hypervolume counts.

    Args:
        reached: values of the trials [n, m].
        front: those that none dominates [k, m].
        wide: up to the worst of all trials, not of the front.
    """
    if wide or len(front) < 2:
        low, high = reached.min(axis=0), reached.max(axis=0)
        return np.asarray(np.where(high > low, high, high + BEHIND))
    return np.asarray(front.max(axis=0) + BEHIND * np.maximum(np.ptp(front, axis=0), 1e-9))


class FrontImprovement:
    """The acquisition function log EHVI(z) + Σ log P(c_k(z) <= bound_k); see :mod:`tunesmith.numerics.ehvi`.

    Args:
        models: the posterior of each objective.
        reached: posterior means of the feasible trials [n, m], n >= 1.
        sides: constraint models with their bounds.
        wide: see :func:`reference`.
        belief: what the user believes about good values, added to the rest; None: nothing.
    """

    def __init__(
        self,
        models: Sequence[Model],
        reached: Floats,
        sides: Sequence[tuple[Model, float]],
        wide: bool,
        belief: Belief | None = None,
    ) -> None:
        front = reached[non_dominated(reached)]
        self.models, self.sides, self.belief = models, sides, belief or None
        self._log_ehvi = log_ehvi_over(front, reference(reached, front, wide))

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        predicted = [model.predict(z) for model in self.models]
        mean = np.column_stack([m for m, _ in predicted])
        std = np.sqrt(np.column_stack([v for _, v in predicted]))
        total = self._log_ehvi(mean, std)
        for side, bound in self.sides:
            total = total + log_probability_below(*side.predict(z), bound)
        return total if self.belief is None else total + self.belief.value(z)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return None: it is searched by perturbations alone."""
        return None
