"""How close to the bounds of continuous parameters a proposal may come.

An objective often fails at a bound (the logarithm of 0, a rate of 1). So a bound at which a trial failed is not
proposed again, but only what lies a small margin inside, and while the first trial at a bound runs, no second one is
sent there. Where the expected improvement decides, all other bounds are open: the optima of many spaces lie in joint
corners. A sampler that cannot tell one bound from another keeps the margin until the three best trials all lie at it
(one of them may be there for the sake of its other parameters).

Symbols: u[n, d] unit coordinates, NaN where inactive; an array [2, d] has a row for low bounds and one for high ones.
"""

from __future__ import annotations

import numpy as np

from tunesmith.history import ROWS_AT_ONCE
from tunesmith.numerics.arrays import Floats, Indices, Mask
from tunesmith.space import Space

MARGIN = 1e-3  # of a range
NEAR = MARGIN * (1.0 + 1e-6)  # a point this close lies at the margin or beyond: unit coordinates are rounded
BEYOND = 0.5 * MARGIN  # a point this close lies beyond the margin, however its coordinates are rounded
N_BEST = 3  # so many of the best trials have to lie at the margin
AT = 1e-9  # a point this close lies at the bound


class Boundaries:
    """What trials at the bounds of the parameters of a space resulted in."""

    def __init__(self, space: Space) -> None:
        self._continuous = np.array([p.n_values == np.inf for p in space.params.values()], bool)
        self._valued = np.zeros((2, len(space)), bool)
        self._failed = np.zeros((2, len(space)), bool)

    def add(self, u: Floats, failed: Mask) -> None:
        """Add finished trials u[n, d], and which of them failed [n]."""
        for start in range(0, len(u), ROWS_AT_ONCE):
            part, bad = u[start : start + ROWS_AT_ONCE], failed[start : start + ROWS_AT_ONCE]
            if part.size and part.min() > AT and 1.0 - part.max() > AT:
                continue  # the most frequent case; where a coordinate is absent, NaN, the comparison is false
            at = np.array([part <= AT, 1.0 - part <= AT])
            self._valued |= at[:, ~bad].any(axis=1)
            self._failed |= at[:, bad].any(axis=1)

    def explain_failure(self, u: Floats) -> Mask:
        """Tell which failed trials u[n, d] lie at a bound that has failures only: what lies inside may be good."""
        low, high = self._continuous & self._failed & ~self._valued
        return np.asarray(((low & (u <= AT)) | (high & (1.0 - u <= AT))).any(axis=1))

    def limits(self, running: Floats, is_likely: Mask | bool = True) -> tuple[Floats, Floats]:
        """Return the lowest and the highest unit coordinates [d] to propose.

        Args:
            running: the running trials, unit coordinates [p, d].
            is_likely: at which bounds the optimum is likely to lie [2, d]; True: at any.
        """
        is_open = ~self._failed & is_likely
        if len(running):
            is_open &= self._valued | (_count(running, AT) == 0)
        margin = MARGIN * (self._continuous & ~is_open)
        return margin[0], 1.0 - margin[1]


def near_the_best(good: Floats) -> Mask:
    """Tell at which bounds [2, d] the optimum is likely to lie, by the best trials alone.

    Args:
        good: the best trials, unit coordinates [k, d]: `N_BEST` of them, or all those of a front.
    """
    return np.asarray(_count(good, NEAR) >= N_BEST)


def lie_beyond(u: Floats, limits: tuple[Floats, Floats]) -> Mask:
    """Tell which points u[n, d] lie nearer to a bound than the limits, by more than coordinates are rounded.

    A point at the margins of many parameters would hardly ever pass if each coordinate had to be exact.
    """
    low, high = limits
    with np.errstate(invalid="ignore"):  # NaN: inactive, at no bound
        return np.asarray(((u < low - BEYOND) | (u > high + BEYOND)).any(axis=1))


def _count(u: Floats, distance: float) -> Indices:
    """Return how many rows of u[n, d] are this close to a bound, [2, d]."""
    return np.array([(u <= distance).sum(axis=0), (1.0 - u <= distance).sum(axis=0)])
