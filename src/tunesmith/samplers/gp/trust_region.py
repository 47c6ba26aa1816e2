"""Local models for long searches: which rows the process is conditioned on, and the box it searches.

Trust regions after Eriksson et al., "TuRBO", NeurIPS 2019: the box doubles after three improvements in a row, halves
after max(4, d) failures in a row, and starts again when it gets too small. Its state is replayed from the history.
"""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.history import ROWS_AT_ONCE
from tunesmith.space.feature_map import FeatureMap

MAX_GLOBAL_ROWS = 500  # up to so many rows one model of everything
LOCAL_BEST_ROWS, LOCAL_NEAREST_ROWS, LOCAL_RANDOM_ROWS = 100, 200, 100
INITIAL_REGION_LENGTH, MAX_REGION_LENGTH, MIN_REGION_LENGTH = 0.8, 1.6, 2.0**-7


def local_rows(y: Floats, u: Floats, features: FeatureMap) -> Indices:
    """Return the rows that the model uses: all, or the best ones, the nearest to the best one and some random ones."""
    n = len(y)
    if n <= MAX_GLOBAL_ROWS:
        return np.arange(n)
    order = np.argsort(y, kind="stable")
    best, distance = features(u[order[:1]]), np.empty(n)
    for start in range(0, n, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        distance[part] = ((features(u[part]) - best) ** 2).sum(axis=1)
    nearest = np.argsort(distance, kind="stable")[:LOCAL_NEAREST_ROWS]
    others = np.random.default_rng(n // LOCAL_RANDOM_ROWS).choice(n, LOCAL_RANDOM_ROWS, replace=False)
    return np.unique(np.concatenate([order[:LOCAL_BEST_ROWS], nearest, others]))


def trust_region(
    y: Floats, u: Floats, features: FeatureMap, theta: Floats, centre: Floats, limits: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the lowest and highest unit coordinates [d] to search, within the limits.

    Sides are proportional to the lengthscales, with the trust region's length as their geometric mean.

    Args:
        y: values [n] of all trials, in order.
        u: their unit coordinates [n, d].
        centre: unit coordinates [d] of the best trial.
        limits: lowest and highest unit coordinates [d] that may be searched at all.

    Returns:
        The box; the limits themselves while one model holds all trials.
    """
    if len(y) <= MAX_GLOBAL_ROWS:
        return limits
    length = _length(y[MAX_GLOBAL_ROWS:], float(y[:MAX_GLOBAL_ROWS].min()), u.shape[1])
    low, high = limits[0].copy(), limits[1].copy()
    ordered = features.ordered
    if len(ordered):
        scale = theta[: len(ordered)] - theta[: len(ordered)].mean()
        half = 0.5 * length * np.exp(scale)
        middle = np.nan_to_num(centre[ordered], nan=0.5)
        low[ordered] = np.clip(middle - half, limits[0][ordered], limits[1][ordered])
        high[ordered] = np.clip(middle + half, limits[0][ordered], limits[1][ordered])
    return low, high


def _length(y: Floats, best: float, d: int) -> float:
    """Return the length of the region after the values y, given the best value before them."""
    length, wins, losses = INITIAL_REGION_LENGTH, 0, 0
    patience = max(4, d)
    for value in y.tolist():
        if value < best - 1e-3 * abs(best):
            wins, losses = wins + 1, 0
        else:
            wins, losses = 0, losses + 1
        best = min(best, value)
        if wins == 3:
            length, wins = min(2 * length, MAX_REGION_LENGTH), 0
        elif losses == patience:
            length, losses = length / 2, 0
            if length < MIN_REGION_LENGTH:
                length = INITIAL_REGION_LENGTH
    return length
