"""A parameter's values as a few cells of equal width, with a kernel that smooths over neighbours.

Symbols: n trials, k cells of one parameter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Floats
from tunesmith.space.base import Parameter

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
            param: the parameter.
            u: its unit coordinates [n] of the trials, NaN where it is not active.
            most: cells of an ordered parameter, at most.
        """
        width = BANDWIDTH * (TRIALS / max(len(u), TRIALS)) ** (1.0 / 3.0)
        values = param.n_values
        if param.is_ordered:
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
