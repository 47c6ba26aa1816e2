"""Out-of-fold losses of all candidates, collected one run of the folds at a time in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.errors import SelectionError
from tunesmith.numerics.arrays import Floats, Indices, Singles
from tunesmith.selection.bootstrap import MAX_UNITS


class LossTable:
    """The loss of each candidate on each resampling unit, averaged over its repeats.

    A unit is a row; or a group, if there are groups; or, of more than `max_units` of these, a random block of them.
    A candidate takes four bytes a unit (twelve with repeats), so 1,000 candidates take some 10 MB for any number of
    rows.

    Attributes:
        observations: the effective number of independent observations, rows or groups, in units and blocks alike.

    Args:
        n_rows: rows of the data.
        tested: bool [n_rows], the rows that the first splits test; all if None. (The first rows of a time series are
            never tested.)
        groups: [n_rows], labels; rows of one group are drawn together.
        strata: [n_rows], class labels, to draw as many units of each class as there are; not with groups or blocks,
            which hold rows of several classes.
        weights: [n_rows], sample weights.
        max_units: the most units that are kept apart.
        seed: of the blocks.

    Raises:
        SelectionError: an array is not [n_rows], a weight is negative or not finite, or no row counts.
    """

    def __init__(
        self,
        n_rows: int,
        *,
        tested: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        max_units: int = MAX_UNITS,
        seed: int = 0,
    ) -> None:
        self._n_rows = n_rows
        w = np.ones(n_rows) if weights is None else self._array("weights", weights).astype(np.float64)
        if not np.all(np.isfinite(w)) or np.any(w < 0):
            raise SelectionError("weights have to be finite and not negative")
        counts = np.ones(n_rows, bool) if tested is None else self._array("tested", tested).astype(bool)
        self._tested = counts & (w > 0)
        if not self._tested.any():
            raise SelectionError("no row is tested, or all that are have weight 0: there is nothing to choose by")
        rows = np.flatnonzero(self._tested)
        label = rows if groups is None else self._array("groups", groups)[rows]
        classes = None if strata is None or groups is not None else self._array("strata", strata)[rows]
        # Each row, or each group, is one observation; with unequal weights they count as fewer (Kish).
        mass = np.bincount(np.unique(label, return_inverse=True)[1].ravel(), w[rows])
        self.observations = float(mass.sum() ** 2 / (mass @ mass))
        unit, self.strata = _units(label, classes, max_units, np.random.default_rng([seed, 2048]))
        self._rows, self._unit, self._w = rows, unit, w[rows]
        self.weights: Floats = np.asarray(np.bincount(unit, self._w), dtype=np.float64)
        self._sum: dict[int, Singles] = {}
        self._squares: dict[int, Singles] = {}
        self._runs: dict[int, Singles] = {}
        self._each: dict[int, list[Singles]] = {}  # of those that were run again, the mean of each run

    @property
    def n_units(self) -> int:
        """The number of units, U."""
        return len(self.weights)

    def add(self, candidate: int, losses: ArrayLike, *, fresh: bool = False) -> None:
        """Add the losses of one run of the folds.

        Args:
            candidate: its column, from 0 on.
            losses: [n_rows], each row's out-of-fold loss, smaller is better; NaN where it was not predicted.
            fresh: a repeat on fresh splits, which may test other rows than the first splits did (shuffled splits): a
                row without a loss then only adds nothing. In a first run it makes the candidate incomplete.

        Raises:
            SelectionError: losses are not [n_rows].
        """
        values = self._array("losses", losses)[self._rows].astype(np.float64)
        there = np.isfinite(values)
        share = np.bincount(self._unit, self._w * there, minlength=self.n_units)
        total = np.bincount(self._unit, self._w * np.where(there, values, 0.0), minlength=self.n_units)
        known = share > 0 if fresh else np.bincount(self._unit[~there], minlength=self.n_units) == 0
        mean = np.where(known, total / np.where(known, share, 1.0), 0.0).astype(np.float32)
        if candidate not in self._sum:
            self._sum[candidate] = np.where(known, mean, np.nan)
            return
        first = self._sum[candidate]
        self._each.setdefault(candidate, [first.copy()]).append(np.where(known, mean, np.nan).astype(np.float32))
        if candidate not in self._runs:
            self._runs[candidate] = np.ones(self.n_units, np.float32)
            self._squares[candidate] = first * first
        self._runs[candidate] += known
        self._squares[candidate] += mean * mean
        first += mean

    def losses(self, n_candidates: int | None = None) -> Singles:
        """Return L[U, C], the means over repeats, for `choose` and `honest`; NaN where a candidate was not run."""
        n = n_candidates if n_candidates is not None else max(self._sum, default=-1) + 1
        table = np.full((self.n_units, n), np.nan, np.float32)
        for candidate, total in self._sum.items():
            table[:, candidate] = total / self._runs[candidate] if candidate in self._runs else total
        return table

    def paired_runs(self, candidate: int, other: int) -> Floats:
        """Return the losses of one candidate less those of another, run by run, of the runs that both have.

        Args:
            candidate: its column; it needs a first run, as the other does.
            other: the column of the other one.

        Returns:
            [R, U], NaN where a run did not test a unit.
        """
        one, two = (self._each.get(c, [self._sum[c]]) for c in (candidate, other))
        runs = min(len(one), len(two))
        return np.asarray(np.stack(one[:runs]).astype(np.float64) - np.stack(two[:runs]))

    def between_repeats(self, n_candidates: int | None = None) -> Floats:
        """Return, for each candidate [C], the variance that averaging over its repeats took out of a unit's loss.

        A unit with R runs of sample variance s² adds (1 - 1/R)·s²: what the variance of one run's losses has more
        than that of their mean.
        """
        n = n_candidates if n_candidates is not None else max(self._sum, default=-1) + 1
        taken = np.zeros(n)
        for candidate, runs in self._runs.items():
            within = self._squares[candidate] / runs - (self._sum[candidate] / runs) ** 2
            some = np.isfinite(within)
            if some.any():
                taken[candidate] = np.average(np.maximum(within[some], 0.0), weights=self.weights[some])
        return taken

    def _array(self, name: str, given: ArrayLike) -> NDArray[np.generic]:
        array = np.asarray(given)
        if array.shape != (self._n_rows,):
            raise SelectionError(f"{name}: shape {array.shape}; an entry for each of {self._n_rows} rows is expected")
        return array


def _units(
    label: NDArray[np.generic], classes: NDArray[np.generic] | None, most: int, rng: np.random.Generator
) -> tuple[Indices, Indices | None]:
    """Return each row's unit, 0 to U - 1, and each unit's class, None if units have none."""
    unit = np.asarray(np.unique(label, return_inverse=True)[1], dtype=np.intp)
    n = int(unit.max()) + 1
    if n <= most:
        if classes is None:
            return unit, None
        of_unit = np.zeros(n, np.intp)
        of_unit[unit] = np.unique(classes, return_inverse=True)[1]  # without groups a unit is one row
        return unit, of_unit
    # Random blocks of equal size: the variance between their means is that of a row over the rows of a block. With
    # blocks of one class, the spread between classes would count as the spread between few blocks.
    block = np.empty(n, np.intp)
    block[rng.permutation(n)] = np.arange(n) * most // n
    return block[unit], None
