"""Candidates for the minimum of a function that is drawn from a local process.

Steps have many sizes, since the one that helps is not known; and there are points where the process has minima itself,
since beside a narrow valley random points all lie on its walls.

Symbols: n rows, q candidates, d parameters, u[n, d] unit coordinates, μ and σ posterior mean and standard deviation.
"""

from __future__ import annotations

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.gp import Posterior
from tunesmith.samplers.common import point_keys
from tunesmith.samplers.gp.candidates import Box, CandidatePool, on_region
from tunesmith.samplers.gp.maximise import ascended
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.perturbation import perturbed

N_EACH = 8  # candidates of each kind for each leader
STEPS = (0.3, 0.1, 0.03)  # sizes of perturbations of few coordinates, as shares of the box
EXPONENTS = (0.5, 2.5)  # of the sizes of steps in all coordinates: 10 to the power of minus a number between these
KAPPAS = (0.0, 1.0, 2.0, 4.0)  # κ of the bounds μ - κ σ that descents follow
N_STARTS, N_ITERATIONS, N_NEAR = 8, 12, 3  # descents for each κ, their steps, and points near the end of each


def local_candidates(
    space: Space, features: FeatureMap, own: Posterior, u: Floats, leaders: Floats, box: Box, rng: np.random.Generator
) -> CandidatePool:
    """Return points of the box, each once.

    Args:
        space: the space with its conditions.
        features: its features.
        own: the local process.
        u: its rows [n, d], ½ where inactive.
        leaders: the best of them [k, d], ½ where inactive.
        box: lowest and highest unit coordinates [d].
        rng: the source of randomness.

    Returns:
        The candidates; none, where constraints of the space leave none.
    """
    first = on_region(space, features, _varied(features, u, leaders, box, rng))
    if not len(first.x):
        return first
    found = _descended(features, own, first, box, rng)
    if found is None:
        return _distinct(first)
    ends = np.repeat(found, N_NEAR, axis=0)
    second = on_region(space, features, np.concatenate([found, _moved(features, ends, (1.0, 3.0), box, rng)]))
    both = zip((first.x, first.u, first.z), (second.x, second.u, second.z), strict=True)
    return _distinct(CandidatePool(*(np.concatenate(pair) for pair in both)))


def _varied(features: FeatureMap, u: Floats, leaders: Floats, box: Box, rng: np.random.Generator) -> Floats:
    """Return points anywhere in the box, leaders with few and with all coordinates moved, and differences of rows."""
    low, high = box
    leaders = np.repeat(leaders, N_EACH, axis=0)
    q, d = leaders.shape
    parts = [low + (high - low) * rng.random((q, d))]
    parts += [perturbed(leaders, step * (high - low), features, rng, low, high) for step in STEPS]
    parts.append(_moved(features, leaders, EXPONENTS, box, rng))
    a, b = u[rng.integers(len(u), size=(2, q))]
    parts.append(_kept(features, leaders, leaders + rng.random((q, 1)) * (a - b), box))
    return np.concatenate(parts)


def _moved(
    features: FeatureMap, u: Floats, exponents: tuple[float, float], box: Box, rng: np.random.Generator
) -> Floats:
    """Return u[q, d] with all ordered coordinates moved, by a size of its own for each row."""
    size = 10.0 ** -rng.uniform(*exponents, (len(u), 1))
    return _kept(features, u, u + size * (box[1] - box[0]) * rng.standard_normal(u.shape), box)


def _kept(features: FeatureMap, u: Floats, moved: Floats, box: Box) -> Floats:
    """Return the moved points inside the box, with the categories of u[q, d]."""
    moved = np.clip(moved, *box)
    for j, _ in features.nominal:
        moved[:, j] = u[:, j]
    return moved


def _descended(
    features: FeatureMap, own: Posterior, pool: CandidatePool, box: Box, rng: np.random.Generator
) -> Floats | None:
    """Return where μ - κ σ is small, for each κ and from several starts; None if no parameter has a slope."""
    mean, variance = own.predict(pool.z)
    part = rng.integers(N_STARTS, size=len(mean))  # the best of each part, so that they are not all in one place
    bounds = mean - np.array(KAPPAS)[:, None] * np.sqrt(variance)
    starts = [int(np.where(part == i, row, np.inf).argmin()) for row in bounds for i in range(N_STARTS)]
    return ascended(_LowerBounds(own, np.repeat(KAPPAS, N_STARTS)), features, pool.u[starts], box, N_ITERATIONS)


def _distinct(pool: CandidatePool) -> CandidatePool:
    """Return each point once."""
    first: dict[bytes, int] = {}
    for i, key in enumerate(point_keys(pool.x)):
        first.setdefault(key, i)
    at = np.fromiter(first.values(), np.intp)
    return CandidatePool(pool.x[at], pool.u[at], pool.z[at])


class _LowerBounds:
    """The acquisition κ σ - μ, with a κ[q] for each point."""

    def __init__(self, model: Posterior, kappa: Floats) -> None:
        self._model, self._kappa = model, kappa

    def value(self, z: Floats) -> Floats:
        mean, variance = self._model.predict(z)
        return np.asarray(self._kappa * np.sqrt(variance) - mean)

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        mean, variance, d_mean, d_variance = self._model.predict_gradient(z)
        sd = np.sqrt(variance)
        return self._kappa * sd - mean, (0.5 * self._kappa / sd)[:, None] * d_variance - d_mean
