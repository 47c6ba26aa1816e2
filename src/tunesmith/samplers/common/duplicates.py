"""Which points of a finite space were tried, so that none is tried twice as long as others are left."""

from __future__ import annotations

import numpy as np

from tunesmith.history import History
from tunesmith.numerics.arrays import Floats
from tunesmith.space import Space

FEW = 16  # running trials up to which those of an infinite space are taken to differ by themselves
MAX_LISTED = 4096  # cells of a space up to which all of them are listed to find an untried one


class DuplicateFilter:
    """The points of finished trials in one space; of an infinite one nothing is kept, and only running trials count.

    Two points of a finite space are the same if their unit coordinates agree to ten digits.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._finite = space.is_finite and len(space) > 0
        self._tried: set[bytes] = set()
        self._cells: list[bytes] | None = None

    def add(self, u: Floats) -> None:
        """Add unit points of finished trials, [n, d]."""
        if self._finite:
            self._tried.update(_keys(u))

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""
        self.add(history.unit(self.space)[first:last])

    def running(self, history: History, n: int = 1) -> set[bytes] | None:
        """Return the keys of the running trials; None: so few run in an infinite space that none is compared.

        Args:
            history: the trials.
            n: how many points are to be proposed.
        """
        if not self._finite and history.n_pending + n - 1 <= FEW:
            return None
        return set(self.keys_of(history.pending_points(self.space))) if history.n_pending else set()

    def is_new(self, x: Floats, running: set[bytes] | None) -> bool:
        """Tell whether a point x[1, d] was not tried; its key is then added to `running`."""
        if running is None or not len(self.space):
            return True
        key = self.keys_of(x)[0]
        if key in self._tried or key in running:
            return False
        running.add(key)
        return True

    def keys_of(self, x: Floats) -> list[bytes]:
        """Return the keys of points x[n, d]."""
        return _keys(self.space.to_unit(x)) if self._finite else point_keys(x)

    def random_untried(self, rng: np.random.Generator, running: set[bytes] | None) -> Floats | None:
        """Return a random untried point x[1, d] of a small space; None: there is none, or the space is large."""
        if running is None or not self._finite or self.space.n_cells > MAX_LISTED:
            return None
        grid = self.space.grid()
        if self._cells is None:
            self._cells = _keys(self.space.to_unit(grid.rows(np.arange(len(grid)))))
        left = [i for i, key in enumerate(self._cells) if key not in self._tried and key not in running]
        if not left:
            return None
        i = left[int(rng.integers(len(left)))]
        running.add(self._cells[i])
        return np.array(grid.rows(np.array([i])))


def _keys(u: Floats) -> list[bytes]:
    return _rows_as_bytes(np.rint(np.nan_to_num(u, nan=-1.0) * 2.0**36))


def point_keys(x: Floats) -> list[bytes]:
    """Return the rows of x[n, d] as keys that are equal where the rows are: NaN equals NaN and 0 equals -0."""
    rows = x + 0.0
    np.copyto(rows, np.inf, where=np.isnan(rows))
    return _rows_as_bytes(rows)


def _rows_as_bytes(rows: Floats) -> list[bytes]:
    n, d = rows.shape
    if not d:
        return [b""] * n
    keys: list[bytes] = np.ascontiguousarray(rows).view(f"V{d * rows.itemsize}").ravel().tolist()
    return keys
