"""How noisy values are, as a search sees it: told with them, seen in repeats, or found by the model.

The process of a search expects next to no noise: where there is none, that is worth many trials. So noise that nobody
told is looked for, at row counts that grow by two fifths: a prior that lets noise be large has to explain the values
clearly better. Where there is noise, few values do not tell many lengthscales: a free fit takes what it cannot explain
for noise, the function for flat, and sends the next trial to a corner. So lengthscales are then kept close to one
another, and short enough for a valley.

Symbols: n rows, z[n, F] features, t[n] transformed values.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tunesmith.numerics.arrays import Floats, Indices
from tunesmith.numerics.gp import Prior, objective

# Chosen on the sphere with its optimum anywhere and Rosenbrock's function in five dimensions, and Hartmann's in six,
# with noise of 0.3 of the spread (seeds 0 to 11 of `benchmarks/noise.py`), and so that of 35 tasks without noise (YAHPO
# Gym, HPOBench, BBOB) one in ten at most is taken for noisy.
FIRST, GROWTH = 8, 1.4  # rows at which noise is looked for first, and by what they grow up to the next time
GAIN = 2.0  # log likelihood, by which a process with noise has to be better
FROM = -3.0  # ln s², where the search for noise starts
LEAST = -4.0  # ln s² from which on noise matters: a standard deviation of 0.14 of that of all values


def rows_looked_at(n: int) -> int:
    """Return the last row count, up to n, at which noise is looked for; 0: that was never."""
    if n < FIRST:
        return 0
    count = FIRST
    while (following := int(count * GROWTH)) <= n:
        count = following
    return count


def any_noise(prior: Prior) -> Prior:
    """Return the prior with which noise is looked for: as before, but with any noise."""
    return replace(prior, noise_mean=FROM, noise_var=9.0)


def noisy(prior: Prior) -> Prior:
    """Return the prior of a search whose values are noisy."""
    return replace(prior, scale_mean=-1.2, scale_var=0.3, noise_mean=-4.0, noise_var=4.0)


def is_better_with_noise(z: Floats, group: Indices, t: Floats, usual: Floats, found: Floats) -> bool:
    """Tell whether noise explains values clearly better.

    Args:
        z: features [n, F].
        group: group of each feature [F].
        t: transformed values [n].
        usual: θ with the usual prior.
        found: θ with the prior that lets noise be large.
    """
    if usual[-1] > LEAST:
        return True
    if found[-1] <= LEAST:
        return False
    flat = np.full(len(usual), math.inf)
    less, more = (objective(theta, z, group, t, theta, flat)[0] for theta in (usual, found))
    return bool(less - more > GAIN)


def repeats_differ(u: Floats, y: Floats) -> bool | None:
    """Tell whether trials at the same point u[n, d] have other values y[n]; None: there are no two at any point."""
    of = np.unique(np.nan_to_num(u, nan=-1.0), axis=0, return_inverse=True)[1].ravel()
    order = np.lexsort((y, of))
    is_same = np.diff(of[order]) == 0
    return bool((np.diff(y[order])[is_same] != 0).any()) if is_same.any() else None


def with_repeats(prior: Prior, z: Floats, t: Floats, known: Floats | float) -> Prior:
    """Return the prior with the noise that repeats show, trials at the same point; as it is, if they show none.

    Args:
        prior: of θ.
        z: features [n, F].
        t: transformed values [n].
        known: variances of the errors [n] that are known.
    """
    _, of, count = np.unique(z, axis=0, return_inverse=True, return_counts=True)
    of, freedom = of.ravel(), len(t) - len(count)
    if not freedom:
        return prior
    off = np.square(t - (np.bincount(of, t) / count)[of])
    expected = np.broadcast_to(known, t.shape) * (1.0 - 1.0 / count[of])
    pooled = float((off - expected).sum()) / freedom
    if pooled <= math.exp(prior.noise_mean):
        return prior
    return replace(prior, noise_mean=math.log(pooled))
