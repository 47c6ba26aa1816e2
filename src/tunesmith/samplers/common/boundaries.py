"""How close to the ends of continuous parameters a proposal may come.

An end is often where an objective fails (the logarithm of 0, a rate of 1), and where a model that knows little likes to
look. So proposals stay a hair inside until the three best trials all lie there (one may be there for the sake of its
other parameters): then the end itself is the likely optimum, and is tried. An end at which a trial failed is not
proposed again, and while the first trial at an end runs, no second one is sent there.

Symbols: u[n, d] unit coordinates, NaN where inactive; an array [2, d] has a row for the low ends and one for the high.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Space

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
HAIR = 1e-3  # of a range
NEAR = HAIR * (1.0 + 1e-6)  # what is not farther from an end is a hair inside: a unit coordinate is rounded
BEST = 3  # so many of the best trials have to be at the hair
AT = 1e-9  # what is nearer to an end is at it


class Ends:
    """What trials at the ends of the parameters of a space came to."""

    def __init__(self, space: Space) -> None:
        self._continuous = np.array([p.n_values == np.inf for p in space.params.values()], bool)
        self._valued = np.zeros((2, len(space)), bool)
        self._beside = np.zeros((2, len(space)), bool)  # whether there is a value a hair inside
        self._failed = np.zeros((2, len(space)), bool)

    def take(self, u: Floats, failed: Mask) -> None:
        """Take in finished trials u[n, d], and which of them failed [n]."""
        self._valued |= _count(u[~failed], AT) > 0
        self._beside |= _count(u[~failed], NEAR) > 0
        self._failed |= _count(u[failed], AT) > 0

    def blames(self, u: Floats) -> Mask:
        """Tell of failed trials u[n, d] which lie at an end that has failures only, but values a hair inside."""
        low, high = self._continuous & self._beside & self._failed & ~self._valued
        return np.asarray(((low & (u <= AT)) | (high & (1.0 - u <= AT))).any(axis=1))

    def reach(self, good: Floats, running: Floats) -> tuple[Floats, Floats]:
        """Return the lowest and the highest unit coordinates [d] to propose.

        Args:
            good: the best trials, unit coordinates [k, d]: `BEST` of them, or all those of a front.
            running: the running ones [p, d].
        """
        is_sure = _count(good, NEAR) >= BEST
        is_open = is_sure & ~self._failed & (self._valued | (_count(running, AT) == 0))
        margin = np.where(self._continuous & ~is_open, HAIR, 0.0)
        return margin[0], 1.0 - margin[1]


def _count(u: Floats, distance: float) -> NDArray[np.intp]:
    """Return how many rows of u[n, d] are so near to an end, [2, d]."""
    return np.array([(u <= distance).sum(axis=0), (1.0 - u <= distance).sum(axis=0)])
