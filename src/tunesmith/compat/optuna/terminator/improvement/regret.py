"""The expected minimum model regret of a search: a bound on what the last trial changed.

Ishibashi, Karasuyama, Takeuchi & Hino, "A stopping criterion for Bayesian optimization by the gap of expected minimum
simple regrets", AISTATS 2023: Theorem 1 with equation 4, as its Algorithm 1 adds them up. Values are maximised there,
and so they are here.

Symbols: t trials, θ_t the point of the last one and θ*_t the best one, μ_t and σ_t² mean and variance of the process
after t trials, Σ_t the covariance, λ⁻¹ the variance of the noise, κ the regret bound after t - 1 trials.
"""

from __future__ import annotations

import math

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.gp import Posterior, Prior, fit
from tunesmith.samplers.common.conditions import infer_conditions
from tunesmith.samplers.gp.surrogate import PRIOR
from tunesmith.selection.converged import bound_width
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap

POINTS = 2048  # of the space, at which the upper bound is looked for
EXACT = Prior(noise_mean=math.log(1e-6), noise_var=1e-3, noise_bounds=(1e-7, 1e-5))  # of results without noise


def regret(
    x: Floats, loss: Floats, space: Space, delta: float, rng: np.random.Generator, *, deterministic: bool
) -> float:
    """Return the bound after the last trial.

    Args:
        x: internal values [t, d], NaN where inactive, in the order of the trials; two trials at least.
        loss: minimised values [t].
        space: the parameters.
        delta: the bounds hold with probability 1 - delta.
        rng: draws the points of the space.
        deterministic: whether results have no noise.
    """
    tree = infer_conditions(space, x)
    features = FeatureMap(tree)
    z = features(tree.to_unit(tree.mask(x)))
    y = -(loss - loss.mean()) / (loss.std() or 1.0)
    theta = fit(z, features.group, y, EXACT if deterministic else PRIOR)
    # Of the same hyperparameters, since the divergence compares two posteriors of one prior (section 4.4).
    after, before = Posterior(z, features.group, y, theta), Posterior(z[:-1], features.group, y[:-1], theta)
    best, best_before = int(np.argmax(y)), int(np.argmax(y[:-1]))
    mean, _ = after.predict(z[[best]])
    mean_before, _ = before.predict(z[[best_before]])
    gain = float(mean_before[0] - mean[0])
    both = after.covariance(z[[best, best_before]])
    v = math.sqrt(max(1e-10, float(both[0, 0] - 2.0 * both[0, 1] + both[1, 1])))
    g = -gain / v
    density = math.exp(-0.5 * g * g) / math.sqrt(2.0 * math.pi)
    probability = 0.5 * math.erfc(-g / math.sqrt(2.0))
    spread = features(tree.to_unit(tree.sample(rng, POINTS)))
    kappa = _regret_bound(before, z[:-1], spread, len(space), delta)
    return gain + v * density + v * g * probability + kappa * math.sqrt(0.5 * _divergence(before, z[-1:], y[-1]))


def _divergence(before: Posterior, z: Floats, y: float) -> float:
    """Return the divergence of the process before a result y at z[1, F] from that after it (equation 4)."""
    mean, variance = (float(found[0]) for found in before.predict(z))
    total = variance + before.noise
    return 0.5 * (math.log(total / before.noise) - variance / total + variance * (y - mean) ** 2 / total**2)


def _regret_bound(model: Posterior, z: Floats, spread: Floats, d: int, delta: float) -> float:
    """Return max UCB over the space - max LCB over the trials, of the standardised values."""
    width = bound_width(len(z), d, delta)
    mean, variance = model.predict(np.concatenate([z, spread]))
    upper = float((mean + width * np.sqrt(variance)).max())
    lower = float((mean - width * np.sqrt(variance))[: len(z)].max())
    return upper - lower
