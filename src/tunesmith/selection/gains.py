"""Paired gains over one candidate, unit by unit, from checked losses of the units that were tested.

Symbols: U units, C candidates; losses L[U, C], smaller is better; weights w[U]. A unit is what a resample draws: a
row, a group of rows that belong together, or a random block of rows.

A gain is the difference of two mean losses. Of losses that are positive and have no upper bound (log loss, squared
errors) it is the difference of their logarithms: there the losses of a bad candidate are larger by orders of magnitude,
and so noisy that no difference to them would be credible, however clearly they are too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.errors import SelectionError
from tunesmith.numerics.arrays import Floats, Indices, Mask


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

    def gain(self, share: NDArray[np.floating], position: int | Indices) -> NDArray[np.floating]:
        """Return the mean gain [B] of one candidate, or of another one for each row of `share` [B, U]."""
        one = isinstance(position, int)
        mean = share @ self._columns[position] if one else np.einsum("bu,bu->b", share, self._columns[position])
        if not self._relative:
            return np.asarray(self.scale * mean)
        default = share @ self._columns[self._reference]
        return np.asarray(np.log(np.maximum(default, self._least) / np.maximum(mean, self._least)))
