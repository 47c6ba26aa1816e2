"""How much of the variance of results over a space the cells of parameters explain.

Symbols: M points spread over the space, f[M, k] results there in each of k columns, r parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.importance.cells import Cells
from tunesmith.numerics.arrays import Floats


def main_variances(cells: Sequence[Cells], f: Floats) -> Floats:
    """Return the variance that each parameter explains alone, where it is active, times the share of points there.

    Args:
        cells: of the parameters [r].
        f: results [M, k].

    Returns:
        variances [k, r].
    """
    variances = np.zeros((f.shape[1], len(cells)))
    for i, one in enumerate(cells):
        active = one.of < one.k
        if active.any():
            variances[:, i] = explained(f[active], one.of[active]) * active.mean()
    return variances


def explained(f: Floats, of: NDArray[np.integer[Any]]) -> Floats:
    """Return the variance of f[M, k] that cells explain [k], where a point is in cell of[M]."""
    order = np.argsort(of, kind="stable")
    starts = np.flatnonzero(np.diff(of[order], prepend=-1))
    count = np.diff(np.append(starts, len(of)))[:, None]
    means = np.add.reduceat((f - f.mean(axis=0))[order], starts, axis=0) / count
    found: Floats = (count * means**2).sum(axis=0) / len(of)
    return found
