"""How densely a search looked at the places of its trials, and the weights that undo it.

A search that learns spends most trials near the best point: there, all trials are good, whatever their parameters. The
weights make its trials stand for the whole space. A block of consecutive trials was drawn from about one distribution;
it is taken as a product over parameters, estimated for those whose values are visibly not uniform in the block, and the
density of the search is the mean over the blocks. The first trials of a search are nearly uniform, so no weight is
larger than the number of blocks. Trials of a random search all weigh the same.

Symbols: n trials, d parameters, w[n] weights that sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tunesmith.importance.cells import Cells
from tunesmith.numerics.arrays import Floats

BLOCK_SIZE, MOST_BLOCKS = 20, 12
GROUPS = 4  # of cells, whose counts are tested
VISIBLE = 3.0  # standard deviations by which the test's chi-squared value exceeds its mean
PRIOR = 5.0  # uniform trials that an estimate is mixed with


def space_weights(cells: Sequence[Cells]) -> Floats:
    """Return the weight w[n] of each trial, in the order in which they were asked for, given the cells of all [d]."""
    n = len(cells[0].of)
    blocks = min(max(n // BLOCK_SIZE, 1), MOST_BLOCKS)
    edges = np.linspace(0, n, blocks + 1).astype(np.intp)
    density = np.zeros(n)
    for start, stop in pairwise(edges.tolist()):
        log = np.zeros(n)
        for one in cells:
            relative = _relative_density(one, one.of[start:stop])
            if relative is not None:
                log += np.log(np.append(relative, 1.0))[one.of]
        density += np.exp(log) * ((stop - start) / n)
    weights: Floats = 1.0 / density
    weights /= weights.sum()
    return weights


def effective_count(w: Floats) -> float:
    """Return how many trials of equal weight tell as much as those of weights w[n] (Kish, 1965)."""
    return float(w.sum() ** 2 / (w * w).sum())


def _relative_density(one: Cells, block: NDArray[np.int16]) -> Floats | None:
    """Return the density of a block's values in each cell [k], over the uniform one; None: it looks uniform."""
    count = np.bincount(block, minlength=one.k + 1)[: one.k].astype(float)
    m = count.sum()
    if one.k < 2 or m < 2 * GROUPS:
        return None
    group = np.arange(one.k) * min(GROUPS, one.k) // one.k
    expected = m * np.bincount(group, one.share)
    chi = float(((np.bincount(group, count) - expected) ** 2 / expected).sum())
    free = len(expected) - 1
    if chi < free + VISIBLE * np.sqrt(2.0 * free):
        return None
    smooth = (count @ one.kernel) / (one.share @ one.kernel)
    density: Floats = (smooth + PRIOR) / (m + PRIOR)
    return density
