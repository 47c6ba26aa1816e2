"""Which points of a finite space were tried, so that none is tried twice as long as others are left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.space import Space

Floats = NDArray[np.float64]
LISTED = 4096  # cells up to which the free ones are looked up when guessing finds none


class Tried:
    """The points of finished trials in one space; of an infinite one nothing is kept and all points are new."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._finite = space.is_finite and len(space) > 0
        self._keys: set[bytes] = set()
        self._cells: list[bytes] | None = None

    def take(self, unit: Floats) -> None:
        """Add the unit points of finished trials, [n, d]."""
        if self._finite:
            self._keys.update(_keys(unit))

    def running(self, history: History) -> set[bytes]:
        """The points of the running trials."""
        if not self._finite or not history.running:
            return set()
        return set(_keys(self._space.to_unit(history.pending_points(self._space))))

    def is_new(self, x: Floats, running: set[bytes]) -> bool:
        """Whether a point x[1, d] was not tried; it is then noted in `running`."""
        if not self._finite:
            return True
        key = _keys(self._space.to_unit(x))[0]
        if key in self._keys or key in running:
            return False
        running.add(key)
        return True

    def free(self, rng: np.random.Generator, running: set[bytes]) -> Floats | None:
        """A random point x[1, d] that was not tried, of a small space; None: there is none, or the space is large."""
        if not self._finite or self._space.n_cells > LISTED:
            return None
        grid = self._space.grid()
        if self._cells is None:
            self._cells = _keys(self._space.to_unit(grid.rows(np.arange(len(grid)))))
        left = [i for i, key in enumerate(self._cells) if key not in self._keys and key not in running]
        if not left:
            return None
        i = left[int(rng.integers(len(left)))]
        running.add(self._cells[i])
        return np.array(grid.rows(np.array([i])))


def _keys(unit: Floats) -> list[bytes]:
    """What tells points apart: their coordinates to ten digits."""
    rounded = np.rint(np.nan_to_num(unit, nan=-1.0) * 2.0**36)
    return [row.tobytes() for row in np.ascontiguousarray(rounded)]
