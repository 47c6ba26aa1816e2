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
from tunesmith.space.priors import NormalPrior

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
        self._nominal: list[tuple[int, Floats]] = []
        self._features = features
        params = list(space.params.values())
        ordered: list[tuple[int, NormalPrior, float]] = []
        for j, prior in priors_of(params).items():
            if isinstance(prior, NormalPrior):
                ordered.append((j, prior, 1.0))
            else:
                k = int(params[j].n_values)
                self._nominal.append((j, np.append(prior.log_density((np.arange(k) + 0.5) / k), 0.0)))
        ordered += [(j, meaning.prior, LEARNT) for j, meaning in meanings.items()]
        places = [features.features_of(j) for j, _, _ in ordered]
        self._at = np.array([at.start for at, _ in places], np.intp)
        self._conditional = np.array([k for k, (_, active) in enumerate(places) if active is not None], np.intp)
        self._active = np.array([active for _, active in places if active is not None], np.intp)
        self._share = np.array([share for _, _, share in ordered])
        self._prior = NormalPrior.stack([prior for _, prior, _ in ordered])

    def __bool__(self) -> bool:
        return bool(len(self._at) or self._nominal)

    def value(self, z: Floats) -> Floats:
        """Return the weighted log density [q]."""
        total: Floats = self._where_active(self._prior.log_density(z[:, self._at]), z).sum(axis=1)
        for j, log_p in self._nominal:
            total += log_p[self._features.choice(j, z)]
        return self.weight * total

    def slope(self, z: Floats) -> Floats:
        """Return the gradient [q, F] with respect to ordered parameters; it is 0 elsewhere."""
        slope = np.zeros_like(z)
        slope[:, self._at] = self.weight * self._where_active(self._prior.slope(z[:, self._at]), z)
        return slope

    def _where_active(self, own: Floats, z: Floats) -> Floats:
        """Return what each ordered parameter adds [q, k], times the share of its prior."""
        shared: Floats = own * self._share
        shared[:, self._conditional] *= z[:, self._active]
        return shared
