"""Local models for long searches: which rows the process is conditioned on, and the box it searches.

Trust regions after Eriksson et al., "TuRBO", NeurIPS 2019: the box doubles after three improvements in a row, halves
after max(4, d) failures in a row, and begins anew when it gets too small. Its state is replayed from the history.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.samplers.gp.feature_map import Features

Floats = NDArray[np.float64]
WHOLE = 500  # up to so many rows one model of everything
N_BEST, N_NEAR, N_SPARE = 100, 200, 100
FIRST, LONGEST, SHORTEST = 0.8, 1.6, 2.0**-7


def local_rows(y: Floats, u: Floats, features: Features) -> NDArray[np.intp]:
    """Return the rows that the model uses: all of them, or the best, those near the best one and some others."""
    n = len(y)
    if n <= WHOLE:
        return np.arange(n)
    order = np.argsort(y, kind="stable")
    z = features(u)
    near = np.argsort(((z - z[order[0]]) ** 2).sum(axis=1), kind="stable")[:N_NEAR]
    spare = np.random.default_rng(n // N_SPARE).choice(n, N_SPARE, replace=False)
    return np.unique(np.concatenate([order[:N_BEST], near, spare]))


def trust_box(
    y: Floats, u: Floats, features: Features, theta: Floats, centre: Floats, ends: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the lowest and highest unit coordinates [d] to search, within the ends that may be searched at all.

    Sides are proportional to the lengthscales, with the trust region's length as their geometric mean.
    """
    if len(y) <= WHOLE:
        return ends
    length = _length(y[WHOLE:], float(y[:WHOLE].min()), u.shape[1])
    low, high = ends[0].copy(), ends[1].copy()
    ordered = features.ordered
    if len(ordered):
        scale = theta[: len(ordered)] - theta[: len(ordered)].mean()
        half = 0.5 * length * np.exp(scale)
        middle = np.nan_to_num(centre[ordered], nan=0.5)
        low[ordered] = np.clip(middle - half, ends[0][ordered], ends[1][ordered])
        high[ordered] = np.clip(middle + half, ends[0][ordered], ends[1][ordered])
    return low, high


def _length(y: Floats, best: float, d: int) -> float:
    """Return the length of the region after the values y, given the best value before them."""
    length, wins, losses = FIRST, 0, 0
    patience = max(4, d)
    for value in y.tolist():
        if value < best - 1e-3 * abs(best):
            wins, losses = wins + 1, 0
        else:
            wins, losses = 0, losses + 1
        best = min(best, value)
        if wins == 3:
            length, wins = min(2 * length, LONGEST), 0
        elif losses == patience:
            length, losses = length / 2, 0
            if length < SHORTEST:
                length = FIRST
    return length
