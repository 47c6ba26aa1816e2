"""What the sampler maximises: log expected improvement of one objective, or of the hypervolume of two.

Both are weighted by the probability that constraints hold and the trial does not fail, and by the user's priors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunesmith.numerics.acquisition import log_ei, log_ei_gradient, log_probability_below
from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.ehvi import log_ehvi_over
from tunesmith.numerics.gp import Posterior
from tunesmith.numerics.pareto import non_dominated
from tunesmith.samplers.gp.prior_weight import PriorWeight
from tunesmith.samplers.gp.transfer import TransferPosterior

BEHIND = 0.1  # how far behind the front's worst value the reference point lies, as a share of the front's span


Model = Posterior | TransferPosterior
Constraint = tuple[Posterior, float]  # the model of a constraint, and the bound that its function must stay below


class LogEI:
    """The acquisition function log EI(z) + Σ log P(c_k(z) <= bound_k) (Gardner et al., ICML 2014).

    Args:
        model: the objective's posterior.
        best: the value to improve on; None while nothing is feasible: then only the probabilities count.
        constraints: models of the constraints with their bounds.
        prior_weight: of the user's priors.
    """

    def __init__(
        self, model: Model, best: float | None, constraints: Sequence[Constraint], prior_weight: PriorWeight
    ) -> None:
        self.model, self.best, self._constraints, self._prior_weight = model, best, constraints, prior_weight

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        total = np.zeros(len(z))
        if self.best is not None:
            total += log_ei(*self.model.predict(z), self.best)
        return _weighted(total, z, self._constraints, self._prior_weight)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values and gradients; None where constraint models would need theirs."""
        if self._constraints or self.best is None:
            return None
        value, slope = log_ei_gradient(*self.model.predict_gradient(z), self.best)
        if self._prior_weight:
            value, slope = value + self._prior_weight.value(z), slope + self._prior_weight.slope(z)
        return value, slope


class LowestMean:
    """The acquisition function -μ(z) + Σ log P(c_k(z) <= bound_k): the lowest expected value, however well known.

    Args:
        model: the objective's posterior.
        constraints: models of the constraints with their bounds.
        prior_weight: of the user's priors.
    """

    def __init__(self, model: Model, constraints: Sequence[Constraint], prior_weight: PriorWeight) -> None:
        self._model, self._constraints, self._prior_weight = model, constraints, prior_weight

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        return _weighted(-self._model.predict(z)[0], z, self._constraints, self._prior_weight)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values and gradients; None where constraint models would need theirs."""
        if self._constraints:
            return None
        mean, _, slope, _ = self._model.predict_gradient(z)
        if self._prior_weight:
            return self._prior_weight.value(z) - mean, self._prior_weight.slope(z) - slope
        return -mean, -slope


class LogEHVI:
    """The acquisition function log EHVI(z) + Σ log P(c_k(z) <= bound_k); see `tunesmith.numerics.ehvi`.

    Values are those after each objective's transform, so no objective counts more for its scale.

    Args:
        models: the posterior of each objective.
        reached: posterior means of the feasible trials [n, 2], n >= 1.
        constraints: models of the constraints with their bounds.
        wide: see `reference_point`.
        prior_weight: of the user's priors; None: they do not count.
    """

    def __init__(
        self,
        models: Sequence[Model],
        reached: Floats,
        constraints: Sequence[Constraint],
        wide: bool,
        prior_weight: PriorWeight | None,
    ) -> None:
        self._models, self._constraints, self._prior_weight = models, constraints, prior_weight
        front = reached[non_dominated(reached)]
        self._log_ehvi = log_ehvi_over(front, reference_point(reached, front, wide))

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        predicted = [model.predict(z) for model in self._models]
        mean = np.column_stack([m for m, _ in predicted])
        std = np.sqrt(np.column_stack([v for _, v in predicted]))
        return _weighted(self._log_ehvi(mean, std), z, self._constraints, self._prior_weight)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return None: it is searched by perturbations alone."""
        return None


def _weighted(total: Floats, z: Floats, constraints: Sequence[Constraint], prior_weight: PriorWeight | None) -> Floats:
    """Return the values total[q] at z[q, F] with the logarithms of probabilities and of the prior density added."""
    for model, bound in constraints:
        total = total + log_probability_below(*model.predict(z), bound)
    return total + prior_weight.value(z) if prior_weight else total


def reference_point(reached: Floats, front: Floats, wide: bool) -> Floats:
    """Return the point [m] up to which the hypervolume counts.

    The proposals use both kinds in turn: the wide one alone neglects the middle of a front, the narrow one its ends
    (measured on ZDT1 to 3).

    Args:
        reached: values of the trials [n, m].
        front: those that none dominates [k, m].
        wide: up to the worst of all trials, not of the front.

    Returns:
        The reference point.
    """
    if wide or len(front) < 2:
        low, high = reached.min(axis=0), reached.max(axis=0)
        return np.asarray(np.where(high > low, high, high + BEHIND))
    return np.asarray(front.max(axis=0) + BEHIND * np.maximum(np.ptp(front, axis=0), 1e-9))
