"""How the optimum moves with the scale: a hierarchical regression whose uncertainty between scales is integrated over.

    m̂_s = Bᵀ φ(s) + u_s + e_s,    u_s ~ N(0, T),    e_s ~ N(0, V_s)

φ has a one, the centred log scale variables, a mark for each group but the first, and the products of two log scale
variables, whose coefficients are expected near 0: no power law is known to hold for ever, so an interval has to grow
faster than its line alone would have it. u_s is what the law misses at a
scale: without it, intervals are those of a line through exact points, and cover about half of what they promise. The
slopes have weak normal priors, T has half-normal standard deviations and flat correlations; the posterior of B is
normal for each T, and the Ts are weighted draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, qmc

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.scaling.runs import kind_of

DRAWS = 512  # of T; a power of two
BETWEEN = 0.25  # scale of the half-normal prior of T's standard deviations, in units of what was tried
GROUP = 1.0  # standard deviation of the prior of a group's shift, in the same units
BEND = 0.02  # standard deviation of the prior of a product of two log scales, in the same units
FREE = 100.0  # of the prior of the intercept
WEAK = 0.5  # of the slope of a logarithm of which nothing is published

PUBLISHED = {  # Step Law (arXiv 2503.04715), widened: mean and standard deviation of d log optimum / d log scale
    ("lr", "params"): (-0.5, 0.5),
    ("lr", "tokens"): (0.0, 0.4),
    ("batch", "tokens"): (0.5, 0.3),
    ("batch", "params"): (0.0, 0.3),
}


@dataclass(frozen=True, eq=False)
class Trend:
    """The regression, as weighted draws of T and what follows for the coefficients from each.

    Symbols: t draws, p features, k hyperparameters.

    Attributes:
        weight: of each draw [t], together 1.
        between: T of each draw [t, k, k].
        coefficients: posterior mean of B [t, p, k].
        covariance: of the coefficients [t, p, k, p, k].
        evidence: log of the mean marginal likelihood of the draws.
    """

    weight: Floats
    between: Floats
    coefficients: Floats
    covariance: Floats
    evidence: float

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean [r, k] and covariance [r, k, k] of the law at scales.

        Args:
            features: φ of each scale [r, p].
        """
        means = np.einsum("rp,tpk->trk", features, self.coefficients)
        mean = np.einsum("t,trk->rk", self.weight, means)
        inside = np.einsum("rp,tpiqj,rq->trij", features, self.covariance, features, optimize=True)
        off = means - mean
        return mean, np.einsum("t,trij->rij", self.weight, inside + off[..., :, None] * off[..., None, :])

    @property
    def mean_between(self) -> Floats:
        """The mean of T [k, k]."""
        return np.asarray(np.einsum("t,tij->ij", self.weight, self.between))

    @property
    def slopes(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the coefficients [p, k], T integrated over."""
        mean = np.einsum("t,tpk->pk", self.weight, self.coefficients)
        inside = np.einsum("tpkpk->tpk", self.covariance)
        return mean, np.sqrt(np.einsum("t,tpk->pk", self.weight, inside + (self.coefficients - mean) ** 2))


@dataclass(frozen=True, eq=False)
class Priors:
    """Normal priors of the coefficients, and the sizes that T's prior has.

    Attributes:
        mean: [p, k].
        sd: [p, k].
        between: scale of T's standard deviations [k].
    """

    mean: Floats
    sd: Floats
    between: Floats


def priors_of(
    scale: tuple[str, ...],
    names: tuple[str, ...],
    forms: tuple[str, ...],
    unit: Floats,
    n_groups: int,
    published: bool,
    given: dict[tuple[str, str], tuple[float, float]],
) -> Priors:
    """Return the priors of the coefficients.

    Args:
        scale: names of the scale variables [q].
        names: of the hyperparameters [k].
        forms: "log" or "linear" [k].
        unit: spread of what was tried [k].
        n_groups: number of groups, at least 1.
        published: whether `PUBLISHED` is used.
        given: (hyperparameter, scale variable) to mean and standard deviation of a slope; they go first.
    """
    q, k = len(scale), len(names)
    bends = q + n_groups
    p = bends + q * (q + 1) // 2
    mean, sd = np.zeros((p, k)), np.full((p, k), FREE) * unit
    for j, name in enumerate(names):
        for i, variable in enumerate(scale):
            known = PUBLISHED.get((kind_of(name), kind_of(variable))) if published and forms[j] == "log" else None
            weak = (0.0, WEAK if forms[j] == "log" else WEAK * float(unit[j]))
            mean[1 + i, j], sd[1 + i, j] = given.get((name, variable)) or known or weak
        sd[1 + q : bends, j] = GROUP * unit[j]
        sd[bends:, j] = BEND * unit[j]
    return Priors(mean, sd, BETWEEN * unit)


def fit_trend(optimum: Floats, covariance: Floats, features: Floats, priors: Priors) -> Trend:
    """Fit the regression.

    Args:
        optimum: of each scale [s, k].
        covariance: of `optimum` [s, k, k].
        features: φ of each scale [s, p].
        priors: of the coefficients and T.
    """
    k, p = optimum.shape[1], features.shape[1]
    between = _draws(k, priors.between)
    start = np.zeros((p, k))
    start[0] = optimum.mean(axis=0)  # so that the intercept's wide prior costs no digits
    mean = priors.mean + start
    sources = covariance[None] + between[:, None]
    inverse = np.linalg.inv(sources)
    prior = np.diag(priors.sd.reshape(-1) ** -2)
    size = p * k
    pulled = np.einsum("tsij,sj->tsi", inverse, optimum)
    pairs = features[:, :, None] * features[:, None]
    precision = np.tensordot(inverse, pairs, axes=(1, 0)).transpose(0, 3, 1, 4, 2).reshape(-1, size, size) + prior
    side = np.einsum("sp,tsi->tpi", features, pulled).reshape(-1, size) + prior @ mean.reshape(-1)
    posterior = np.linalg.inv(precision)
    coefficients = np.einsum("tij,tj->ti", posterior, side)
    rest = (
        np.einsum("si,tsi->t", optimum, pulled)
        + mean.reshape(-1) @ prior @ mean.reshape(-1)
        - np.einsum("ti,ti->t", side, coefficients)
    )
    log_det = np.linalg.slogdet(sources)[1].sum(axis=1) + np.linalg.slogdet(precision)[1]
    log_det += 2 * np.log(priors.sd).sum()
    likelihood = -0.5 * (log_det + rest)
    top = likelihood.max()
    weight = np.exp(likelihood - top)
    return Trend(
        weight / weight.sum(),
        between,
        coefficients.reshape(-1, p, k),
        np.asarray(posterior.reshape(-1, p, k, p, k), np.float64),
        float(top + np.log(weight.mean())),
    )


def _draws(k: int, scale: Floats) -> Floats:
    """Return covariance matrices [t, k, k] from T's prior, the same ones each time."""
    pairs = [(i, j) for i in range(k) for j in range(i)]
    u = qmc.Sobol(k + len(pairs), rng=np.random.default_rng(0)).random(DRAWS)
    sd = norm.ppf(0.5 + 0.5 * np.clip(u[:, :k], 1e-6, 1 - 1e-6)) * scale
    partial = 1.8 * u[:, k:] - 0.9
    root = np.tile(np.eye(k), (DRAWS, 1, 1))  # a Cholesky factor from partial correlations: always a correlation matrix
    for column, (i, j) in enumerate(pairs):
        left = 1 - (root[:, i, :j] ** 2).sum(axis=1)
        root[:, i, j] = partial[:, column] * np.sqrt(left)
    for i in range(1, k):
        root[:, i, i] = np.sqrt(np.maximum(1 - (root[:, i, :i] ** 2).sum(axis=1), 1e-9))
    factor = sd[:, :, None] * root
    return np.asarray(factor @ factor.transpose(0, 2, 1))
