"""What the sampler maximises: log expected improvement of one objective, or of the hypervolume of two.

Both are weighted by the probability that constraints hold and the trial does not fail, and by the user's priors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_ei, log_ei_gradient, log_probability_below
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.ehvi import log_ehvi_over
from tunesmith.foundation.numerics.gp import Posterior
from tunesmith.foundation.numerics.pareto import non_dominated
from tunesmith.samplers.gp.transfer import TransferPosterior
from tunesmith.space import Combinatorial, Space
from tunesmith.space.base import priors_of
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.meaning import Meaning
from tunesmith.space.priors import NormalPrior, UnitPrior

# -- priors, the user's and what parameters mean: πBO (Hvarfner et al., ICLR 2022) ------------------------------------
#
# The acquisition is multiplied by the prior density to the power β / n (eq. 6), so a prior counts much while there are
# few results, and a wrong one is forgotten.

PRIOR_BETA = 3.0  # not the 10 of the paper: a wrong prior then costs half, a right one gains as much (measured)
LEARNT_BETA_SHARE = 0.3  # the share of β that counts for what is learnt from other data


class PriorWeight:
    """The weighted logarithm of the prior density of all parameters, as a function of features z[q, F].

    Inactive parameters add nothing. It is false where no parameter has a prior.

    Args:
        space: the space; parameters without a prior are as good anywhere.
        n: how many results there are; the log density is multiplied by β / n.
        meanings: what parameters mean, of those without a prior.
    """

    def __init__(self, space: Space, features: FeatureMap, n: int, meanings: Mapping[int, Meaning]) -> None:
        self.weight = PRIOR_BETA / max(n, 1)
        self._nominal: list[tuple[int, Floats]] = []
        self._arranged: list[tuple[slice, int | None, Combinatorial, UnitPrior]] = []
        self._features = features
        params = list(space.params.values())
        ordered: list[tuple[int, NormalPrior, float]] = []
        for j, prior in priors_of(params).items():
            if isinstance(prior, NormalPrior):
                ordered.append((j, prior, 1.0))
            elif isinstance(p := params[j], Combinatorial):
                self._arranged.append((*features.features_of(j), p, prior))
            else:
                k = int(params[j].n_values)
                self._nominal.append((j, np.append(prior.log_density((np.arange(k) + 0.5) / k), 0.0)))
        ordered += [(j, meaning.prior, LEARNT_BETA_SHARE) for j, meaning in meanings.items()]
        places = [features.features_of(j) for j, _, _ in ordered]
        self._at = np.array([at.start for at, _ in places], np.intp)
        self._conditional = np.array([k for k, (_, active) in enumerate(places) if active is not None], np.intp)
        self._active = np.array([active for _, active in places if active is not None], np.intp)
        self._share = np.array([share for _, _, share in ordered])
        self._prior = NormalPrior.stack([prior for _, prior, _ in ordered])

    def __bool__(self) -> bool:
        return bool(len(self._at) or self._nominal or self._arranged)

    def value(self, z: Floats) -> Floats:
        """Return the weighted log density [q]."""
        total: Floats = self._where_active(self._prior.log_density(z[:, self._at]), z).sum(axis=1)
        for j, log_p in self._nominal:
            total += log_p[self._features.choice(j, z)]
        for at, active, p, prior in self._arranged:
            on = np.flatnonzero(z[:, active]) if active is not None else np.arange(len(z))
            total[on] += prior.log_density(p.unit_of(p.rows_of(z[on, at])))
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


# -- expected improvement ---------------------------------------------------------------------------------------------

# How far behind the front's worst value the reference point lies, as a share of the front's span.
REFERENCE_POINT_BEHIND = 0.1


Model = Posterior | TransferPosterior
Constraint = tuple[Posterior, float]  # the model of a constraint, and the bound that its function must stay below


class LogEI:
    """The acquisition function log EI(z) + Σ log P(c_k(z) <= bound_k) (Gardner et al., ICML 2014).

    Args:
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
        return _weighed(total, z, self._constraints, self._prior_weight)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values and gradients; None where constraint models would need theirs."""
        if self._constraints or self.best is None:
            return None
        value, slope = log_ei_gradient(*self.model.predict_gradient(z), self.best)
        if self._prior_weight:
            value, slope = value + self._prior_weight.value(z), slope + self._prior_weight.slope(z)
        return value, slope


class LowestMean:
    """The acquisition function -μ(z) + Σ log P(c_k(z) <= bound_k): the lowest expected value, however well known."""

    def __init__(self, model: Model, constraints: Sequence[Constraint], prior_weight: PriorWeight) -> None:
        self._model, self._constraints, self._prior_weight = model, constraints, prior_weight

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        return _weighed(-self._model.predict(z)[0], z, self._constraints, self._prior_weight)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values and gradients; None where constraint models would need theirs."""
        if self._constraints:
            return None
        mean, _, slope, _ = self._model.predict_gradient(z)
        if self._prior_weight:
            return self._prior_weight.value(z) - mean, self._prior_weight.slope(z) - slope
        return -mean, -slope


class LogEHVI:
    """The acquisition function log EHVI(z) + Σ log P(c_k(z) <= bound_k); see `tunesmith.foundation.numerics.ehvi`.

    Values are those after each objective's transform, so no objective counts more for its scale.

    Args:
        models: the posterior of each objective.
        reached: posterior means of the feasible trials [n, 2], n >= 1.
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
        return _weighed(self._log_ehvi(mean, std), z, self._constraints, self._prior_weight)

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return None: it is searched by perturbations alone."""
        return None


def _weighed(total: Floats, z: Floats, constraints: Sequence[Constraint], prior_weight: PriorWeight | None) -> Floats:
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
        return np.asarray(np.where(high > low, high, high + REFERENCE_POINT_BEHIND))
    return np.asarray(front.max(axis=0) + REFERENCE_POINT_BEHIND * np.maximum(np.ptp(front, axis=0), 1e-9))
