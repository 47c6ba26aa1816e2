"""Points near others, for searches that start from good ones."""

from __future__ import annotations

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.space.feature_map import FeatureMap


def perturbed(
    u: Floats, step: float | Floats, features: FeatureMap, rng: np.random.Generator, low: Floats, high: Floats
) -> Floats:
    """Return each row of u[q, d] with some coordinates changed: two on average, one at least.

    Ordered ones move by a normal step, at least to the next cell of a lattice; categoricals are drawn anew.
    """
    q, d = int(u.shape[0]), int(u.shape[1])
    if not q or not d:
        return u
    moved = rng.random((q, d)) < min(1.0, 2.0 / d)
    moved[np.arange(q), rng.integers(d, size=q)] = True
    change = step * rng.standard_normal((q, d))
    least = features.cell_width * (np.abs(change) < features.cell_width)
    change = np.where(least > 0, np.sign(change) * least, change)
    v = np.clip(u + change * moved, low, high)
    for j, _ in features.nominal:
        v[:, j] = np.where(moved[:, j], rng.random(q), u[:, j])
    return v
