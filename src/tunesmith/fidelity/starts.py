"""Configurations for new runs: a spread of them first, then candidates around what looks good.

Symbols: d parameters, u unit coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.perturbation import perturbed

FEWEST, MOST = 4, 16  # runs of the design: one more than there are parameters, within these
N_SOBOL = 256
MAX_SOBOL = 1000  # parameters; beyond, points are pseudo-random
N_NEAR = 16  # perturbations of each good run, by each step
LEADERS, N_REFINED = 6, 12  # candidates that are refined, and how often each
NEAR_STEPS, FINE_STEPS = (0.2, 0.05), (0.1, 0.03)
ATTEMPTS = 64  # to find a point under constraints in the design

Rate = Callable[[Floats], Floats]  # from features [q, F] to how good they are [q]


def n_designed(space: Space, resumable: bool) -> int:
    """Return how many runs are spread over a space before the model takes over.

    They are few where runs cannot be resumed, as these are not paused.
    """
    return min(max(len(space) + 1, FEWEST), MOST) if resumable else FEWEST


def designed(space: Space, begun: int, rng: np.random.Generator) -> Floats:
    """Return one of the first configurations [d]: the middle, then quasi-random ones.

    They are not drawn towards the middle: to begin a run is cheap, and a model that knows the middle alone sends what
    follows into far corners.

    Args:
        space: the space.
        begun: how many runs there are.
        rng: draws where constraints bar the design.
    """
    points = _sobol(len(space))
    u = np.full(len(space), 0.5) if begun == 0 else points[begun % len(points)]
    x = space.from_unit(u[None])
    return np.asarray(x[0] if space.feasible(x)[0] else space.sample(rng, 1)[0])


def candidates(
    space: Space,
    features: FeatureMap,
    good: Floats,
    tried: Floats,
    rate: Rate,
    rng: np.random.Generator,
    most: int,
) -> tuple[Floats, Floats]:
    """Return points x[q, d] for a new run, with their features z[q, F]; none that was tried, if others are left.

    Args:
        space: the space.
        features: its features.
        good: unit coordinates of the runs that look best [k, d].
        tried: unit coordinates of all runs [n, d].
        rate: what the search maximises.
        rng: the source of randomness.
        most: q is at most this; the best are kept.
    """
    d = len(space)
    low, high = np.zeros(d), np.ones(d)

    def near(u: Floats, step: float, times: int) -> Floats:
        return perturbed(np.repeat(np.nan_to_num(u, nan=0.5), times, axis=0), step, features, rng, low, high)

    spread = (_sobol(d) + rng.random(d)) % 1.0
    u = np.concatenate([spread, *(near(good, step, N_NEAR) for step in NEAR_STEPS)])
    found: list[tuple[Floats, Floats, Floats, Floats]] = []
    all_u, value = u, np.empty(0)
    for step in (*FINE_STEPS, None):
        x = space.from_unit(u)
        x = x[space.feasible(x)]
        u = space.to_unit(x)
        z = features(u)
        found.append((x, u, z, rate(z)))
        all_u, value = np.concatenate([f[1] for f in found]), np.concatenate([f[3] for f in found])
        if step is not None:
            u = near(all_u[np.argsort(-value, kind="stable")[:LEADERS]], step, N_REFINED)
    x, z = np.concatenate([f[0] for f in found]), np.concatenate([f[2] for f in found])
    if not len(x):
        x = space.sample(rng, 1)
        return x, features(space.to_unit(x))
    order = np.argsort(-value, kind="stable")
    known = set(_keys(tried))
    new = np.array([key not in known for key in _keys(all_u[order])])
    best = (order[new] if new.any() else order)[:most]
    return x[best], z[best]


def _keys(u: Floats) -> list[bytes]:
    return [row.tobytes() for row in np.round(np.nan_to_num(u, nan=-1.0), 9) + 0.0]


@lru_cache(maxsize=16)
def _sobol(d: int) -> Floats:
    from scipy.stats import qmc

    if d > MAX_SOBOL:
        return np.random.default_rng(0).random((N_SOBOL, d))
    return np.asarray(qmc.Sobol(d, scramble=True, seed=np.random.default_rng(0)).random(N_SOBOL))
