"""Cells of parameters, and the variance between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.space.base import Parameter

# ----------------------------------------------------------------------------------------------------------------------
# A parameter's values as a few cells of equal width, with a kernel that smooths over neighbours.
#
# Symbols: n trials, k cells of one parameter.

MOST_CELLS = 16  # of an ordered parameter; one with fewer values has a cell for each
MOST_CHOICES = 64  # of a categorical: the choices beyond share the last cell
BANDWIDTH = 0.08  # standard deviation of the kernel, of the unit interval, where there are ...
TRIALS = 100  # ... so many trials; with more of them it shrinks as their third root


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The cells of one parameter.

    Attributes:
        of: the cell of each trial [n]; k where the parameter was not active.
        share: of the unit interval that each cell covers [k].
        kernel: how much a trial in one cell says about another [k, k]; 1 about its own.
    """

    of: NDArray[np.int16]
    share: Floats
    kernel: Floats

    @property
    def k(self) -> int:
        """How many cells there are."""
        return len(self.share)

    @classmethod
    def make(cls, param: Parameter, u: Floats, most: int = MOST_CELLS) -> Cells:
        """Return the cells of a parameter.

        Args:
            u: its unit coordinates [n] of the trials, NaN where it is not active.
            most: cells of an ordered parameter, at most.
        """
        width = BANDWIDTH * (TRIALS / max(len(u), TRIALS)) ** (1.0 / 3.0)
        values = param.n_values
        if param.is_combinatorial and values > MOST_CHOICES:  # by what stands first, and by size
            k = most
            share, kernel, scale = np.full(k, 1.0 / k), np.eye(k), float(k)
        elif param.is_ordered:
            k = int(min(values, most))
            share = np.full(k, 1.0 / k)
            centre = (np.arange(k) + 0.5) / k
            kernel = np.exp(-0.5 * ((centre[:, None] - centre) / width) ** 2)
            scale = float(k)
        else:
            k = int(min(values, MOST_CHOICES))
            share = np.full(k, 1.0 / float(values))
            share[-1] += 1.0 - share.sum()
            kernel, scale = np.eye(k), float(values)
        known = ~np.isnan(u)
        cell = np.full(len(u), k, np.int16)  # of a million trials and many parameters, it is large
        cell[known] = np.minimum((u[known] * scale).astype(np.intp), k - 1)
        return cls(cell, share, kernel)


# ----------------------------------------------------------------------------------------------------------------------
# How much of the variance of results over a space the cells of parameters explain.
#
# Symbols: M points spread over the space, f[M, k] results there in each of k columns, r parameters.


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
