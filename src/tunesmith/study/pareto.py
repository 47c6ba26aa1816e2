"""Which points no other point dominates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def non_dominated(y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows of y[n, m] (minimised) are not dominated; equal rows do not dominate each other.

    Rows are visited in lexicographic order, so a row can only be dominated by one that was visited before it
    (Kung, Luccio & Preparata, J. ACM 22, 1975, use the same order).
    """
    n, m = y.shape
    keep = np.zeros(n, bool)
    if n == 0:
        return keep
    order = np.lexsort(y.T[::-1])
    if m == 1:
        return np.asarray(y[:, 0] == y[order[0], 0])
    front = np.empty((n, m))
    size = 0
    for i in order:
        f = front[:size]
        if not np.any(np.all(f <= y[i], axis=1) & np.any(f < y[i], axis=1)):
            front[size] = y[i]
            size += 1
            keep[i] = True
    return keep
