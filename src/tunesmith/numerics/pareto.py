"""Fronts of points with several objectives: who dominates whom, how crowded a front is, how much it dominates.

Symbols: y[n, m] values of n points in m objectives, all minimised; infinities are allowed, NaN is not (it compares
with nothing, so such a row would never be dominated). Equal rows do not dominate one another and share a rank.
r[m] is the reference point of a hypervolume: only what is better than r in every objective counts.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MATRIX = 2048  # rows up to which all pairs are compared at once: 4 million booleans an objective


def non_dominated(y: Floats) -> Mask:
    """Return which rows of y[n, m] no other row dominates, bool[n].

    Rows are visited in lexicographic order, so a row can only be dominated by one that was visited before it
    (Kung, Luccio & Preparata, J. ACM 22, 1975, use the same order). O(n log n) for two objectives, else O(n f) for
    a front of f rows.
    """
    if len(y) == 0:
        return np.zeros(0, bool)
    rows, group = _distinct(y)
    if y.shape[1] == 1:
        keep = np.arange(len(rows)) == 0
    elif y.shape[1] == 2:
        least = np.minimum.accumulate(rows[:, 1])
        keep = np.append(True, rows[1:, 1] < least[:-1])
    else:
        keep = np.zeros(len(rows), bool)
        front = np.empty_like(rows)
        size = 0
        for i, row in enumerate(rows):
            # Rows differ, and those before come first in lexicographic order: "nowhere worse" is "dominates".
            if not np.any(np.all(front[:size] <= row, axis=1)):
                front[size] = row
                size += 1
                keep[i] = True
    return np.asarray(keep[group])


def ranks(y: Floats) -> Ints:
    """Return the rank of each row of y[n, m]: 0 on the front, 1 on the front of what is left without it.

    O(n log n) for two objectives: a row falls behind all fronts whose last member is at least as good in the second
    one, and those stand in order (Jensen, IEEE Trans. Evol. Comput. 7, 2003). Else all pairs are compared.
    """
    if len(y) == 0:
        return np.zeros(0, np.int64)
    rows, group = _distinct(y)
    found = np.zeros(len(rows), np.int64)
    if y.shape[1] == 1:
        found = np.arange(len(rows))
    elif y.shape[1] == 2:
        last: list[float] = []  # of each front, the second value of its last member
        for i, second in enumerate(rows[:, 1].tolist()):
            k = bisect_right(last, second)
            last[k : k + 1] = [second]
            found[i] = k
    elif len(rows) <= MATRIX:
        beats = np.all(rows[:, None, :] <= rows[None, :, :], axis=2)
        np.fill_diagonal(beats, False)
        left = np.ones(len(rows), bool)
        ahead = beats.sum(axis=0)
        rank = 0
        while left.any():
            front = left & (ahead == 0)
            found[front] = rank
            left &= ~front
            ahead = ahead - beats[front].sum(axis=0)
            rank += 1
    else:
        at = np.arange(len(rows))
        rank = 0
        while len(at):
            front = non_dominated(rows[at])
            found[at[front]] = rank
            at = at[~front]
            rank += 1
    return np.asarray(found[group])


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


def hypervolume(y: Floats, ref: Floats) -> float:
    """Return the volume that rows of y[n, m] dominate within the reference point r[m]; 0 if none is better than it.

    By ``moocore`` (López-Ibáñez et al.); infinite where a row that counts is.
    """
    y, ref, _ = _counting(y, ref)
    if len(y) == 0:
        return 0.0
    if np.isneginf(y).any():
        return math.inf
    if y.shape[1] == 1:
        return float(ref[0] - y.min())
    import moocore

    return float(moocore.hypervolume(y, ref=ref))


def contributions(y: Floats, ref: Floats) -> Floats:
    """Return by how much the hypervolume shrinks if one row of y[n, m] is taken away, float64[n].

    Rows that are dominated, equal to another one, or not better than r[m] contribute 0. An infinite row contributes
    infinitely much, beside which finite ones contribute what they would without it.
    """
    out = np.zeros(len(y))
    good, ref, at = _counting(y, ref)
    if len(good) == 0:
        return out
    infinite = np.isneginf(good).any(axis=1)
    if infinite.any():
        out[at[infinite & non_dominated(good)]] = np.inf
        good, at = good[~infinite], at[~infinite]
    if len(good) == 0:
        return out
    if good.shape[1] == 1:
        least = np.sort(good[:, 0])
        second = float(least[1]) if len(least) > 1 else float(ref[0])
        out[at[int(good[:, 0].argmin())]] = second - least[0]
        return out
    import moocore

    out[at] = moocore.hv_contributions(good, ref=ref)
    return out


def _counting(y: Floats, ref: Floats) -> tuple[Floats, Floats, Ints]:
    """The rows that are better than the reference point in every objective, that point, and where they stand."""
    y, ref = np.asarray(y, float), np.asarray(ref, float)
    if y.ndim != 2 or ref.shape != y.shape[1:]:
        raise ValueError(f"expected y of shape (n, m) and a reference point of shape (m,); got {y.shape}, {ref.shape}")
    if not np.isfinite(ref).all():
        raise ValueError(f"the reference point of a hypervolume must be finite; got {ref}")
    at = np.flatnonzero(np.all(y < ref, axis=1))
    return np.ascontiguousarray(y[at]), ref, at


def _distinct(y: Floats) -> tuple[Floats, Ints]:
    """The different rows of y in lexicographic order, and for each row of y which of them it is."""
    order = np.lexsort(y.T[::-1])
    rows = y[order]
    new = np.append(True, np.any(rows[1:] != rows[:-1], axis=1))
    group = np.empty(len(y), np.int64)
    group[order] = np.cumsum(new) - 1
    return rows[new], group
