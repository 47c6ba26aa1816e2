"""When lengthscales are fitted, and to which rows; fits are kept by the data that they were made of.

A row set changes whenever a run reaches a rung. So a level is fitted to the first runs by number, as many as a fixed
schedule says, on values as they were reported: most decisions find a fit that is there, and none depends on whether
it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tunesmith.numerics.arrays import Floats, Indices

MIN_FIT = 5  # rows before lengthscales are fitted
MAX_FIT = 60  # rows that they are fitted to
MAX_ROWS = 150  # rows of a model
GROWTH = 1.2  # of rows between fits
CACHE_SIZE = 64


class FitCache:
    """Hyperparameters by the data they were fitted to."""

    def __init__(self) -> None:
        self._kept: dict[int, Floats] = {}

    def get(self, data: tuple[object, ...], make: Callable[[], Floats]) -> Floats:
        """Return what was made of these data; the oldest fit makes room for a new one."""
        key = hash(data)
        if key not in self._kept:
            made = make()
            if len(self._kept) >= CACHE_SIZE:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        return self._kept[key]


def scheduled(n: int) -> int:
    """Return how many of n rows hyperparameters are fitted to."""
    count = MIN_FIT
    if n < count:
        return n
    while (following := max(count + 1, int(count * GROWTH))) <= min(n, MAX_FIT):
        count = following
    return count


def some(score: Floats) -> Indices:
    """Return the rows that a model is made of, rising: all, or those of the least score[n] and some of the others."""
    n = len(score)
    if n <= MAX_ROWS:
        return np.arange(n)
    order = np.argsort(score, kind="stable")
    best, rest = order[: 2 * MAX_ROWS // 3], np.sort(order[2 * MAX_ROWS // 3 :])
    others = rest[np.linspace(0, len(rest) - 1, MAX_ROWS - len(best)).astype(np.intp)]
    return np.sort(np.concatenate([best, others]))
