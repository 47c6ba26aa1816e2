"""Log expected improvement, weighted by the probability that constraints hold and the trial does not fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.acquisition import log_ei, log_ei_gradient, log_probability_below
from tunesmith.samplers.gp.prior_weight import Belief

Floats = NDArray[np.float64]


class Model(Protocol):
    """What is predicted at features z[q, F]."""

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance, shape [q] each."""

    def predict_gradient(self, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return mean[q], variance[q] and their gradients [q, F]."""


class Improvement:
    """The acquisition function log EI(z) + Σ log P(c_k(z) <= bound_k) (Gardner et al., ICML 2014).

    Args:
        model: the objective's posterior.
        best: the value to improve on; None while nothing is feasible, when only the probabilities count.
        sides: constraint models with their bounds.
        belief: what the user believes about good values, added to the rest; None: nothing.
    """

    def __init__(
        self, model: Model, best: float | None, sides: Sequence[tuple[Model, float]], belief: Belief | None = None
    ) -> None:
        self.model, self.best, self.sides = model, best, sides
        self.belief = belief or None  # one that believes nothing costs nothing

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        total = np.zeros(len(z))
        if self.best is not None:
            total += log_ei(*self.model.predict(z), self.best)
        for side, bound in self.sides:
            total += log_probability_below(*side.predict(z), bound)
        if self.belief is not None:
            total += self.belief.value(z)
        return total

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values and gradients; None where side models would need theirs."""
        if self.sides or self.best is None:
            return None
        value, slope = log_ei_gradient(*self.model.predict_gradient(z), self.best)
        if self.belief is not None:
            value, slope = value + self.belief.value(z), slope + self.belief.slope(z)
        return value, slope
