"""Pseudo-values: losses of rows for a metric that is no mean over rows.

The pseudo-value of a block of rows is what the block adds to the score of its fold (Tukey, 1958). Their mean is the
score, and their spread is that of the score, so one method of choosing serves every metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.errors import SelectionError
from tunesmith.numerics.arrays import Floats, Indices


def pseudo_losses(
    score: Callable[[Indices], float],
    n_rows: int,
    *,
    strata: ArrayLike | None = None,
    n_blocks: int = 20,
) -> Floats:
    """Return losses of the rows of one fold whose mean is minus the fold's score, for any metric.

    Block g of G gets the jackknife's pseudo-value G·S - (G - 1)·S(-g). Its deviation from S is that of a mean over
    the block's rows; scaled by the square root of their number it has the spread of single rows. Use the same
    `strata` for every candidate, so that their losses are paired.

    Args:
        score: rows to keep, ascending -> the metric on them, greater is better. Called G + 1 times.
        n_rows: rows of the fold.
        strata: [n_rows], class labels, which are spread evenly over the blocks.
        n_blocks: G, at most; every row is its own block if there are no more than that.

    Returns:
        [n_rows]; all NaN where the score is not finite, or has no value without any one block. Of a block without which
        it has none (it held the only row of a class) nothing is known: it counts as average, and the others for it.

    Raises:
        SelectionError: there is no row, or strata is not [n_rows].
    """
    if n_rows < 1:
        raise SelectionError("pseudo-values need at least one row; the fold has none")
    everything = np.arange(n_rows)
    whole = float(score(everything))
    if not math.isfinite(whole):
        return np.full(n_rows, math.nan)
    n_blocks = min(n_rows, n_blocks)
    if n_blocks < 2:
        return np.full(n_rows, -whole)
    block = _random_blocks(n_rows, n_blocks, strata, np.random.default_rng([0, n_rows]))
    without = np.array([float(score(everything[block != g])) for g in range(n_blocks)])
    known = np.isfinite(without)
    if not known.any():
        return np.full(n_rows, math.nan)
    effect = (n_blocks - 1) * (whole - without)
    deviation = np.where(known, effect, effect[known].mean())[block]
    deviation = (deviation - deviation.mean()) * math.sqrt(n_rows / known.sum())
    return np.asarray(-(whole + deviation))


def _random_blocks(n_rows: int, n_blocks: int, strata: ArrayLike | None, rng: np.random.Generator) -> Indices:
    """Return each row's block: rows are shuffled, ordered by class, and given to the blocks in turn."""
    order = rng.permutation(n_rows)
    if strata is not None:
        labels = np.asarray(strata)
        if labels.shape != (n_rows,):
            raise SelectionError(f"strata have shape {labels.shape}; one label for each of {n_rows} rows is expected")
        order = order[np.argsort(np.unique(labels, return_inverse=True)[1][order], kind="stable")]
    block = np.empty(n_rows, np.intp)
    block[order] = np.arange(n_rows) % n_blocks
    return block
