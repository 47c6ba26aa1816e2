"""Probabilities of categorical values that follow the better half of each generation.

Each parameter has probabilities of its own (population-based incremental learning, Baluja 1994); none falls below a
floor at which about a quarter of the points have some value that the best points do not have (the margin of Hamano et
al., CatCMA, GECCO 2024).
"""

from __future__ import annotations

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.space import Parameter, Space

RATE = 0.2  # how far the probabilities move towards the frequencies of one generation


class CategoricalDistribution:
    """The probabilities of every value of every categorical parameter of a space."""

    def __init__(self, space: Space) -> None:
        params = list(space.params.values())
        self._at = [j for j, p in enumerate(params) if not p.is_ordered and p.n_values > 1]
        self._p = [_initial(params[j]) for j in self._at]
        self._miss = 1.0 - 0.73 ** (1.0 / max(1, len(self._at)))

    def __len__(self) -> int:
        """Number of parameters."""
        return len(self._at)

    def draw(self, u: Floats, rng: np.random.Generator) -> None:
        """Set the categorical coordinates of a unit point u[d]."""
        if not self._at:
            return
        for j, p, t in zip(self._at, self._p, rng.random(len(self._at)).tolist(), strict=True):
            k = min(int(np.searchsorted(np.cumsum(p), t, side="right")), len(p) - 1)
            u[j] = (k + 0.5) / len(p)

    def learn(self, u: Floats) -> None:
        """Add a generation: unit points [λ, d], the best first; NaN where a parameter was inactive."""
        half = max(1, len(u) // 2)
        weight = np.log((len(u) + 1) / 2) - np.log(np.arange(1, half + 1))
        weight /= weight.sum()
        for i, j in enumerate(self._at):
            p = self._p[i]
            known = ~np.isnan(u[:half, j])
            k = np.minimum((u[:half, j][known] * len(p)).astype(np.intp), len(p) - 1)
            share = np.bincount(k, weights=weight[known], minlength=len(p))
            p = p + RATE * (share - share.sum() * p)
            p = np.maximum(p, self._miss / (len(p) - 1))
            self._p[i] = p / p.sum()


def _initial(parameter: Parameter) -> Floats:
    """Return the probabilities of the values before any result: those of the prior, else all the same."""
    n = int(parameter.n_values)
    prior = parameter.unit_prior()
    p = np.ones(n) if prior is None else np.exp(prior.log_density((np.arange(n) + 0.5) / n))
    result: Floats = p / p.sum()
    return result
