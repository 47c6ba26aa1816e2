"""Tests by ranks.

Wilcoxon's signed-rank test of paired differences: "Individual comparisons by ranking methods", 1945.
Symbols: d[n] differences; W+ the sum of the ranks, by size, of those above zero.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats

MOST_EXACT = 50  # pairs; with more, the normal distribution differs by less than a thousandth


def signed_rank_p(differences: Floats) -> float:
    """Return the one-sided p value of the signed-rank test, P(W+ <= observed), for finite differences [n].

    Zeros are ranked with the others and count half to either side (Pratt's handling without loss of pairs); of equal
    sizes each gets the mean rank. Up to 50 differences it is exact: ranks are doubled where needed, so that the
    distribution is counted in integers. With more it is the normal distribution of the same mean and variance.
    """
    d, n = differences, len(differences)
    _, inverse, counts = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    doubled = (2 * last - counts + 1)[inverse]  # twice the mean rank
    plus = float(doubled[d > 0].sum()) + 0.5 * float(doubled[d == 0].sum())
    if n > MOST_EXACT:
        spread = math.sqrt(float(np.sum(doubled[d != 0].astype(np.float64) ** 2))) / 2
        if spread == 0:
            return 1.0
        return 0.5 * math.erfc((float(doubled.sum()) / 2 - plus) / (spread * math.sqrt(2)))
    below = _distribution(tuple(sorted(doubled.tolist())))
    return float(below[: math.floor(plus + 1e-9) + 1].sum())


@lru_cache(maxsize=64)
def _distribution(doubled: tuple[int, ...]) -> Floats:
    """Probabilities of each sum of a random subset of the ranks, [total + 1]."""
    probability = np.zeros(sum(doubled) + 1)
    probability[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(probability)
        shifted[rank:] = probability[: len(probability) - rank]
        probability = 0.5 * (probability + shifted)
    return probability


# ----------------------------------------------------------------------------------------------------------------------
# Kendall's τ is the agreement of two orders.


def tau_error(n: int) -> float:
    """Return the standard deviation of τ of n pairs where there is no order at all (Kendall, Biometrika 30, 1938).

    Args:
        n: at least 2.
    """
    return math.sqrt(2.0 * (2 * n + 5) / (9.0 * n * (n - 1)))
