"""Candidates for the maximum of an acquisition function in a mixed, conditional space.

The pool that each search begins with: quasi-random points and perturbations of the best observations. It does not
depend on what runs, so the proposals of a batch share one, and what the models predict there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.samplers.gp.branches import Branch
from tunesmith.samplers.qmc import MAX_SOBOL
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.perturbation import perturbed

Box = tuple[Floats, Floats]
Region = Space | Branch  # where the maximum is searched
N_SPREAD = 512  # quasi-random candidates
N_NEAR = 40  # perturbations of each incumbent
N_SHORTLIST = 256  # points of a pool that a quick search begins with


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Points to begin with: internal values x[q, d], unit coordinates u[q, d] and features z[q, F]."""

    x: Floats
    u: Floats
    z: Floats


def candidate_pool(
    region: Region, features: FeatureMap, incumbents: Floats, rng: np.random.Generator, box: Box
) -> CandidatePool:
    """Return quasi-random points and perturbations of good observations.

    Args:
        region: the space, or a branch of it.
        features: its features.
        incumbents: unit coordinates [k, d] of good observations.
        rng: the source of randomness.
        box: lowest and highest unit coordinates [d] to look at (a trust region); categoricals are not bound by it.

    Returns:
        The pool, in an order that says nothing.
    """
    low, high = box
    filled = np.nan_to_num(incumbents, nan=0.5)
    near = [perturbed(np.repeat(filled, N_NEAR // 2, axis=0), step, features, rng, low, high) for step in (0.2, 0.05)]
    return on_region(region, features, np.concatenate([low + _spread(len(region), rng) * (high - low), *near]))


def best_candidates(pool: CandidatePool, value: Floats) -> CandidatePool:
    """Return the points of a pool with the largest values [q]."""
    at = np.argsort(-value, kind="stable")[:N_SHORTLIST]
    return CandidatePool(pool.x[at], pool.u[at], pool.z[at])


def on_region(region: Region, features: FeatureMap, u: Floats) -> CandidatePool:
    """Return points of the unit cube [q, d] brought onto the space, those that break a constraint left out."""
    x = region.from_unit(u)
    if region.constraints:
        x = x[region.feasible(x)]
    u = region.to_unit(x)
    return CandidatePool(x, u, features(u))


def _spread(d: int, rng: np.random.Generator) -> Floats:
    """Return quasi-random points [N_SPREAD, d]: a fixed Sobol' sequence under a random shift (Cranley & Patterson)."""
    points: Floats = (_sobol(d) + rng.random(d)) % 1.0
    return points


@lru_cache(maxsize=16)
def _sobol(d: int) -> Floats:
    from scipy.stats import qmc

    if d > MAX_SOBOL:
        return np.random.default_rng(0).random((N_SPREAD, d))
    return np.asarray(qmc.Sobol(d, scramble=True, seed=np.random.default_rng(0)).random(N_SPREAD))
