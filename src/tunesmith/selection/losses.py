"""Losses of candidates by unit: paired gains, the bootstrap of a choice, and the table that both are made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.errors import SelectionError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask, Singles
from tunesmith.foundation.text import shown
from tunesmith.selection.intervals import check_least

# ----------------------------------------------------------------------------------------------------------------------
# Paired gains over one candidate, unit by unit, from checked losses of the units that were tested.
#
# Symbols: U units, C candidates; losses L[U, C], smaller is better; weights w[U]. A unit is what a resample draws: a
# row, a group of rows that belong together, or a random block of rows.
#
# A gain is the difference of two mean losses. Of losses that are positive and have no upper bound (log loss, squared
# errors) it is the difference of their logarithms: there the losses of a bad candidate are larger by orders of
# magnitude, and so noisy that no difference to them would be credible, however clearly they are too large.

TIE = 1e-9  # by which part of a mean loss another one may differ by the processor's arithmetic alone


@dataclass(frozen=True)
class PairedGains:
    """What every complete candidate gains over the reference, unit by unit.

    Attributes:
        losses: [U, C'], of the C' candidates that are complete.
        columns: [C'], their columns in the losses given, ascending.
        reference: position among `columns` of the default, or 0 where there is none.
        weights: [U], of mean 1.
        rows: over the units as given: which were tested.
        relative: whether gains are differences of logarithms.
    """

    losses: Floats
    columns: Indices
    reference: int
    weights: Floats
    rows: Mask
    relative: bool = False

    @classmethod
    def of(
        cls,
        losses: ArrayLike,
        *,
        default: int | None = None,
        weights: ArrayLike | None = None,
        relative: bool = False,
    ) -> PairedGains:
        """Return the gains of every complete candidate.

        Args:
            losses: [U, C]. A candidate that is not finite on some tested unit (dropped early, failed) is left out; so
                is a unit that is NaN for all candidates (never tested), or of weight 0.
            default: column of the default.
            weights: [U]; equal if None.
            relative: whether gains are to be differences of logarithms. They are not if a mean loss is not positive.

        Raises:
            SelectionError: a shape or a weight is wrong, no candidate is complete, or the default is not.
        """
        given = np.asarray(losses)
        if given.ndim != 2 or not given.size:
            raise SelectionError(f"losses have shape {given.shape}; [units, candidates] is expected, at least one each")
        n_units, n_candidates = given.shape
        w = np.ones(n_units) if weights is None else np.asarray(weights, dtype=np.float64)
        if w.shape != (n_units,) or not np.all(np.isfinite(w)) or np.any(w < 0):
            raise SelectionError(f"weights: {n_units} finite numbers >= 0 are expected, one for each unit")
        rows = (w > 0) & ~np.isnan(given).all(axis=1)
        complete = np.isfinite(given[rows]).all(axis=0) if rows.any() else np.zeros(n_candidates, bool)
        if not complete.any():
            raise SelectionError("no candidate has a finite loss on every unit tested: there is none to choose")
        if default is not None and not 0 <= default < n_candidates:
            raise SelectionError(f"default={default} is no column of the losses of {n_candidates} candidates")
        if default is not None and not complete[default]:
            raise SelectionError("the default has no finite loss on some units; run it on all, or pass default=None")
        columns = np.flatnonzero(complete)
        reference = 0 if default is None else int(np.searchsorted(columns, default))
        kept = given[np.ix_(rows, columns)].astype(np.float64)
        w = w[rows] / w[rows].mean()
        return cls(kept, columns, reference, w, rows, relative and bool((w @ kept > 0.0).all()))

    @property
    def effective(self) -> float:
        """Effective number of units, (Σw)² / Σw² (Kish)."""
        return float(self.weights.sum() ** 2 / (self.weights @ self.weights))

    @property
    def share(self) -> Floats:
        """The weights as shares of their sum [U]."""
        return np.asarray(self.weights / self.weights.sum())

    def means(self) -> tuple[Floats, Floats]:
        """Return the mean gains over the reference [C'], and their standard errors over units."""
        gain, error = Moments(self, np.float64).gains(self.share[None])
        return np.asarray(gain[0], np.float64), np.asarray(error[0], np.float64)

    @property
    def better(self) -> float:
        """Which part of the others have a lower mean loss than the reference; one that is equal counts as half."""
        mean = self.share @ self.losses
        own, others = mean[self.reference], np.delete(mean, self.reference)
        gain = np.where(np.isclose(others, own, rtol=TIE, atol=0.0), 0.0, own - others)
        return float((np.sign(gain) + 1.0).mean() / 2.0) if len(gain) else 0.0

    def at(self, column: int) -> int:
        """Return the position of a candidate by its column."""
        return int(np.searchsorted(self.columns, column))

    def mean(self, position: int) -> float:
        """Return a candidate's own mean loss."""
        return float(self.share @ self.losses[:, position])

    def influence(self, position: int) -> Floats:
        """Return what each unit adds to the logarithm of a candidate's mean loss, or to the mean itself [U]."""
        mean = self.mean(position)
        return (self.losses[:, position] - mean) / (mean if self.relative else 1.0)

    def error(self, position: int) -> float:
        """Return the standard error of a candidate's own mean loss, or of its logarithm, over units."""
        return math.sqrt(float(self.share @ self.influence(position) ** 2) / max(self.effective - 1.0, 1.0))

    def scaled(self, loss: float) -> float:
        """Return a mean loss on the scale on which gains are differences."""
        return math.log(loss) if self.relative else loss

    def unscaled(self, scaled: float) -> float:
        """Return the mean loss of a figure on the scale on which gains are differences."""
        return math.exp(scaled) if self.relative else scaled


class Moments:
    """Sums over units from which gains follow, for many ways to weigh the units at once.

    Args:
        gains: of which candidates.
        dtype: of the sums; the gains of resamples need no more than float32.
    """

    def __init__(self, gains: PairedGains, dtype: type[np.floating]) -> None:
        self._relative, self._reference = gains.relative, gains.reference
        self._dof = max(gains.effective - 1.0, 1.0)
        own = gains.losses[:, [gains.reference]]
        values = gains.losses if gains.relative else own - gains.losses
        self.scale = float(np.abs(values).max()) or 1.0  # float32 holds them, whatever the unit of the loss
        self._values = (values / self.scale).astype(dtype)
        self._squares = self._values * self._values
        self._products = self._values * self._values[:, [gains.reference]] if gains.relative else None
        self._columns = np.ascontiguousarray(self._values.T)
        self._least = np.finfo(dtype).tiny ** 0.25  # the mean of a resample in which nothing is lost

    def gains(self, share: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return mean gains [B, C'] and their standard errors, for shares of the units [B, U] that sum to 1."""
        mean, squares = share @ self._values, share @ self._squares
        if self._products is None:
            return self.scale * mean, self.scale * np.sqrt(np.maximum(squares - mean**2, 0.0) / self._dof)
        mean = np.maximum(mean, self._least)
        default = mean[:, [self._reference]]
        products = (share @ self._products) / (mean * default)
        squares /= mean**2
        variance = squares + squares[:, [self._reference]] - 2.0 * products
        return np.log(default / mean), np.sqrt(np.maximum(variance, 0.0) / self._dof)

    def mean_gains(self, share: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the mean gains alone."""
        mean = share @ self._values
        if not self._relative:
            return np.asarray(self.scale * mean)
        mean = np.maximum(mean, self._least)
        return np.asarray(np.log(mean[:, [self._reference]] / mean))

    def gain(self, share: NDArray[np.floating], position: int | Indices) -> NDArray[np.floating]:
        """Return the mean gain [B] of one candidate, or of another one for each row of `share` [B, U]."""
        one = isinstance(position, int)
        mean = share @ self._columns[position] if one else np.einsum("bu,bu->b", share, self._columns[position])
        if not self._relative:
            return np.asarray(self.scale * mean)
        default = share @ self._columns[self._reference]
        return np.asarray(np.log(np.maximum(default, self._least) / np.maximum(mean, self._least)))


# ----------------------------------------------------------------------------------------------------------------------
# The bootstrap of a choice: it is made again on resampled units, and judged on the units left out.
#
# Symbols: U units, C candidates, B resamples; k[B, U] how often a resample drew a unit. One matrix product gives the
# means of all candidates on a chunk of resamples. A chunk holds NUMBERS_PER_CHUNK, so memory does not grow with B. Of
# many rows, `LossTable` makes blocks, so that U stays below MOST_UNITS.

MOST_UNITS = 2048
NUMBERS_PER_CHUNK = 4_000_000  # 16 MB

Leaders = Callable[[NDArray[np.floating]], Indices]


@dataclass(frozen=True)
class BootstrapChoices:
    """What each of B resamples chose; all gains are over the same reference.

    Attributes:
        picked: [B], position of the candidate that led on the units drawn.
        oob_picked: [B], its mean gain on the units left out.
        oob_leader: [B], on the same units, that of the candidate that leads on all units.
    """

    picked: Indices
    oob_picked: Floats
    oob_leader: Floats


def bootstrap(
    gains: PairedGains,
    leaders: Leaders,
    leader: int,
    *,
    strata: Indices | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> BootstrapChoices:
    """Draw units with replacement, choose by `leaders`, and evaluate the choice on the units left out.

    `leaders` maps gain[B, C] to the positions [B] of the candidates that lead; `leader` leads on all units. As many
    units of each of `strata` [U] are drawn as there are. Resamples that leave out no unit do not count.
    """
    rng = np.random.default_rng([seed, 632])
    weights = gains.weights.astype(np.float32)
    moments = Moments(gains, np.float32)

    parts = []
    for k in _drawn(rng, strata, len(weights), n_resamples, max(1, NUMBERS_PER_CHUNK // max(gains.losses.shape))):
        out = (k == 0) * weights
        some = out.any(axis=1)
        out, bag = out[some], k[some] * weights
        out /= out.sum(axis=1, keepdims=True)
        bag /= bag.sum(axis=1, keepdims=True)
        picked = leaders(moments.mean_gains(bag))
        parts.append((picked, moments.gain(out, picked), moments.gain(out, leader)))
    picked, *figures = (np.concatenate(part) for part in zip(*parts, strict=True))
    return BootstrapChoices(picked, *(figure.astype(np.float64) for figure in figures))


def _drawn(rng: np.random.Generator, strata: Indices | None, n: int, n_resamples: int, chunk: int) -> Iterator[Singles]:
    """Yield k[b, U] in chunks, for `n_resamples` resamples in all."""
    groups = [np.arange(n)] if strata is None else [np.flatnonzero(strata == label) for label in np.unique(strata)]
    for start in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - start)
        k = np.zeros((size, n), np.float32)
        for group in groups:
            k[:, group] = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size)
        yield k


# ----------------------------------------------------------------------------------------------------------------------
# Out-of-fold losses of all candidates, collected one run of the folds at a time in bounded memory.


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

    @checked("groups", "strata")
    def __init__(
        self,
        n_rows: int,
        *,
        tested: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        max_units: int = MOST_UNITS,
        seed: int = 0,
    ) -> None:
        check_least(0, n_rows=n_rows, seed=seed)
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
        unit, self.strata = _units_of_rows(label, classes, max_units, np.random.default_rng([seed, 2048]))
        self._rows, self._unit, self._w = rows, unit, w[rows]
        self.weights: Floats = np.asarray(np.bincount(unit, self._w), dtype=np.float64)
        self._runs: dict[int, list[Singles]] = {}  # of each candidate its runs, NaN where one did not test a unit

    @property
    def n_units(self) -> int:
        """The number of units, U."""
        return len(self.weights)

    @checked()
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
        mean = np.where(known, total / np.where(known, share, 1.0), np.nan).astype(np.float32)
        self._runs.setdefault(candidate, []).append(mean)

    @checked()
    def losses(self, n_candidates: int | None = None) -> Singles:
        """Return L[U, C], the means over repeats, for `select_by_rows`; NaN where a candidate was not run."""
        table = np.full((self.n_units, self._width(n_candidates)), np.nan, np.float32)
        for candidate, runs in self._runs.items():
            total, _, count = _sums(runs)
            table[:, candidate] = total / count
        return table

    @checked()
    def paired_runs(self, candidate: int, other: int) -> Floats:
        """Return the losses of one candidate less those of another, run by run, of the runs that both have.

        Args:
            candidate: its column; it needs a first run, as the other does.
            other: the column of the other one.

        Returns:
            [R, U], NaN where a run did not test a unit.
        """
        one, two = self._runs[candidate], self._runs[other]
        runs = min(len(one), len(two))
        return np.asarray(np.stack(one[:runs]).astype(np.float64) - np.stack(two[:runs]))

    @checked()
    def between_repeats(self, n_candidates: int | None = None) -> Floats:
        """Return, for each candidate [C], the variance that averaging over its repeats took out of a unit's loss.

        A unit with R runs of sample variance s² adds (1 - 1/R)·s²: what the variance of one run's losses has more
        than that of their mean.
        """
        taken = np.zeros(self._width(n_candidates))
        for candidate, runs in self._runs.items():
            if len(runs) < 2:
                continue
            total, squares, count = _sums(runs)
            within = squares / count - (total / count) ** 2
            some = np.isfinite(within)
            if some.any():
                taken[candidate] = np.average(np.maximum(within[some], 0.0), weights=self.weights[some])
        return taken

    @checked()
    def n_runs(self, n_candidates: int | None = None) -> Indices:
        """Return how many runs of the folds each candidate [C] has."""
        return np.array([len(self._runs.get(c, ())) for c in range(self._width(n_candidates))], np.intp)

    @checked()
    def unsteadiness(self, reference: int, *, relative: bool = False) -> float | None:
        """Return which part of the variance of a paired gain, over units, changes from run to run; None: no repeats.

        Args:
            reference: the candidate that gains are over.
            relative: whether losses count as parts of their means.

        Returns:
            From 0, the same losses in each run, to 1 where runs have nothing in common.
        """
        within, single = [], []
        share = self.weights / self.weights.sum()
        for candidate, runs in self._runs.items():
            n = min(len(runs), len(self._runs.get(reference, ())))
            if candidate == reference or n < 2:
                continue
            one, two = (np.stack(self._runs[c][:n]).astype(np.float64) for c in (reference, candidate))
            if relative:
                means = [float(np.nanmean(losses)) for losses in (one, two)]
                if not min(means) > 0.0:
                    continue
                one, two = one / means[0], two / means[1]
            paired = one - two
            whole = np.isfinite(paired).all(axis=0)
            if whole.any():
                part = share[whole] / share[whole].sum()
                within.append(float(part @ paired[:, whole].var(axis=0, ddof=1)))
                single.append(float(part @ (paired[0, whole] - part @ paired[0, whole]) ** 2))
        return min(sum(within) / sum(single), 1.0) if sum(single) > 0.0 else None

    def _width(self, n_candidates: int | None) -> int:
        check_least(0, n_candidates=n_candidates)
        return max(self._runs, default=-1) + 1 if n_candidates is None else n_candidates

    def _array(self, name: str, given: ArrayLike) -> NDArray[np.generic]:
        try:
            array = np.asarray(given)
        except ValueError:
            raise SelectionError(f"{name} must be an array of one dimension; got {shown(given)}") from None
        if array.shape != (self._n_rows,):
            raise SelectionError(f"{name}: shape {array.shape}; an entry for each of {self._n_rows} rows is expected")
        return array


def _sums(runs: list[Singles]) -> tuple[Singles, Singles, Singles]:
    """Return sums, sums of squares and numbers of the losses of runs [U], NaN where the first run has none."""
    first = runs[0]
    total, squares, count = first.copy(), first * first, np.ones(len(first), np.float32)
    for run in runs[1:]:
        known = np.isfinite(run)
        own = np.where(known, run, np.float32(0.0))
        total, squares, count = total + own, squares + own * own, count + known.astype(np.float32)
    return total, squares, count


def _units_of_rows(
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
