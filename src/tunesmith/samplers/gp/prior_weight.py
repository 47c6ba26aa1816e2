"""Priors in the acquisition function, the user's and what parameters mean: πBO (Hvarfner et al., ICLR 2022).

The acquisition is multiplied by the prior density to the power β / n (eq. 6), so a prior counts much while there are
few results, and a wrong one is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.space import Space
from tunesmith.space.base import priors_of
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.meaning import Meaning
from tunesmith.space.priors import UnitPrior

BETA = 3.0  # not the 10 of the paper: a wrong prior then costs half, a right one gains as much (measured)
LEARNT = 0.3  # the share of β that counts for what is learnt from other data


class PriorWeight:
    """The weighted logarithm of the prior density of all parameters, as a function of features z[q, F].

    Inactive parameters add nothing. It is false where no parameter has a prior.

    Args:
        space: the space; parameters without a prior are as good anywhere.
        features: its features.
        n: how many results there are; the log density is multiplied by β / n.
        meanings: what parameters mean, of those without a prior.
    """

    def __init__(self, space: Space, features: FeatureMap, n: int, meanings: Mapping[int, Meaning]) -> None:
        self.weight = BETA / max(n, 1)
        self._ordered: list[tuple[int, int | None, UnitPrior, float]] = []  # feature, whether active, prior, share of β
        self._nominal: list[tuple[int, Floats]] = []
        self._features = features
        params = list(space.params.values())
        for j, prior in priors_of(params).items():
            at, active = features.features_of(j)
            if params[j].is_ordered:
                self._ordered.append((at.start, active, prior, 1.0))
            else:
                k = int(params[j].n_values)
                self._nominal.append((j, np.append(prior.log_density((np.arange(k) + 0.5) / k), 0.0)))

        for j, meaning in meanings.items():
            at, active = features.features_of(j)
            self._ordered.append((at.start, active, meaning.prior, LEARNT))

    def __bool__(self) -> bool:
        return bool(self._ordered or self._nominal)

    def value(self, z: Floats) -> Floats:
        """Return the weighted log density [q]."""
        total = np.zeros(len(z))
        for j, active, prior, share in self._ordered:
            own = share * prior.log_density(z[:, j])
            total += own if active is None else own * z[:, active]
        for j, log_p in self._nominal:
            total += log_p[self._features.choice(j, z)]
        return self.weight * total

    def slope(self, z: Floats) -> Floats:
        """Return the gradient [q, F] with respect to ordered parameters; it is 0 elsewhere."""
        slope = np.zeros_like(z)
        for j, active, prior, share in self._ordered:
            own = share * self.weight * prior.slope(z[:, j])
            slope[:, j] = own if active is None else own * z[:, active]
        return slope
