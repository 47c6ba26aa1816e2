"""Fronts of points with several objectives: who dominates whom, and how crowded a front is.

Symbols: y[n, m] values of n points in m objectives, all minimised; infinities are allowed, NaN is not. Equal rows do
not dominate one another and share a rank.

By ``moocore`` (López-Ibáñez et al.), 30 times as fast as NumPy for 256 points of three objectives. It gets the places
of the values in each column in place of the values: dominance is the same, and moocore 0.3 crashes on infinities.
"""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Ints, Mask

MOOCORE_OBJECTIVES = 255  # objectives that moocore takes


def non_dominated(y: Floats) -> Mask:
    """Return which rows of y[n, m] no other row dominates, bool[n]."""
    if len(y) == 0:
        return np.zeros(0, bool)
    if y.shape[1] > MOOCORE_OBJECTIVES:
        return np.array([not _is_dominated(y, row) for row in y], bool)
    import moocore

    return np.asarray(moocore.is_nondominated(_distinct_ranks(y), keep_weakly=True), bool)


def ranks(y: Floats) -> Ints:
    """Return the rank of each row of y[n, m]: 0 on the front, 1 on the front of what is left without it."""
    if len(y) == 0:
        return np.zeros(0, np.int64)
    if y.shape[1] > MOOCORE_OBJECTIVES:
        return _peeled(y)
    import moocore

    return np.asarray(moocore.pareto_rank(_distinct_ranks(y)), np.int64)


def _is_dominated(y: Floats, row: Floats) -> bool:
    """Return whether one row of y[n, m] dominates this one."""
    rivals = np.arange(len(y))
    for column, value in zip(y.T, row, strict=True):
        rivals = rivals[column[rivals] <= value]
        if len(rivals) == 1:  # the row itself; nearly always after a few columns
            return False
    return bool((y[rivals] < row).any())


def _peeled(y: Floats) -> Ints:
    """Return the ranks, front by front."""
    found, left = np.zeros(len(y), np.int64), np.arange(len(y))
    while len(left):
        front = non_dominated(y[left])
        left = left[~front]
        found[left] += 1
    return found


def _distinct_ranks(y: Floats) -> Floats:
    """Return the place of each value among the distinct values of its column, [n, m]."""
    places = np.empty(y.shape)
    for j, column in enumerate(y.T):
        places[:, j] = np.unique(column, return_inverse=True)[1]
    return places


def crowding(y: Floats) -> Floats:
    """Return the crowding distance of each row of a front y[n, m], in [0, inf].

    The sum over objectives of the gap between both neighbours, in units of the objective's range; infinite at its
    ends (Deb, Pratap, Agarwal & Meyarivan, IEEE Trans. Evol. Comput. 6, 2002, section III-B). Infinite values count
    as the largest finite one; rows that are equal to another one share their gap.
    """
    n = len(y)
    if n <= 2:
        return np.full(n, np.inf)
    distance = np.zeros(n)
    for column in y.T:
        finite = column[np.isfinite(column)]
        if len(finite) == 0:
            continue
        low, high = float(finite.min()), float(finite.max())
        v = np.clip(column, low, high) / 2.0  # halves: the range of all floats does not overflow then
        order = np.argsort(v, kind="stable")
        v = v[order]
        span = high / 2.0 - low / 2.0
        if span <= 0:
            continue
        distance[order[1:-1]] += (v[2:] - v[:-2]) / span
        distance[order[[0, -1]]] = np.inf
    return distance


def ranks_and_crowding(y: Floats) -> tuple[Ints, Floats]:
    """Return the rank of each row of y[n, m] as `ranks` does, and its crowding distance among those of its rank."""
    rank, distance = ranks(y), np.zeros(len(y))
    for r in range(int(rank.max(initial=-1)) + 1):
        at = np.flatnonzero(rank == r)
        distance[at] = crowding(y[at])
    return rank, distance


def hypervolume(front: Floats, reference: Floats) -> float:
    """Return the volume of what points front[n, m] dominate, up to a reference point [m]; all finite.

    Points that are not better than the reference in every objective add nothing.
    """
    counting = front[(front < reference).all(axis=1)]
    if len(counting) == 0:
        return 0.0
    import moocore

    return float(moocore.hypervolume(counting, ref=reference))
