"""Log expected improvement, weighted by the probability that constraints hold and the trial does not fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.acquisition import log_ei, log_ei_gradient, log_probability_below
from tunesmith.numerics.gp import Posterior

Floats = NDArray[np.float64]


class Improvement:
    """The acquisition function log EI(z) + Σ log P(c_k(z) <= bound_k) (Gardner et al., ICML 2014).

    Args:
        model: the objective's posterior.
        best: the value to improve on; None while nothing is feasible, when only the probabilities count.
        sides: constraint models with their bounds.
    """

    def __init__(self, model: Posterior, best: float | None, sides: list[tuple[Posterior, float]]) -> None:
        self.model, self.best, self.sides = model, best, sides

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        total = np.zeros(len(z))
        if self.best is not None:
            total += log_ei(*self.model.predict(z), self.best)
        for side, bound in self.sides:
            total += log_probability_below(*side.predict(z), bound)
        return total

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values and gradients; None where side models would need theirs."""
        if self.sides or self.best is None:
            return None
        return log_ei_gradient(*self.model.predict_gradient(z), self.best)
