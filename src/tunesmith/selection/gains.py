"""Paired gains over one candidate, unit by unit, from checked losses of the units that were tested.

Symbols: U units, C candidates; losses L[U, C], smaller is better; weights w[U]. A unit is what a resample draws: a
row, a group of rows that belong together, or a random block of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.errors import SelectionError
from tunesmith.numerics.arrays import Floats, Indices, Mask


@dataclass(frozen=True)
class PairedGains:
    """What every complete candidate gains over the reference, unit by unit.

    Attributes:
        better: [U, C'], the reference's loss less the candidate's, for the C' candidates that are complete.
        columns: [C'], their columns in the losses given, ascending.
        reference: position among `columns` of the default, or 0 where there is none.
        weights: [U], of mean 1.
        rows: over the units as given: which were tested.
    """

    better: Floats
    columns: Indices
    reference: int
    weights: Floats
    rows: Mask

    @classmethod
    def of(cls, losses: ArrayLike, *, default: int | None = None, weights: ArrayLike | None = None) -> PairedGains:
        """Return the gains of every complete candidate.

        Args:
            losses: [U, C]. A candidate that is not finite on some tested unit (dropped early, failed) is left out; so
                is a unit that is NaN for all candidates (never tested), or of weight 0.
            default: column of the default.
            weights: [U]; equal if None.

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
        return cls(kept[:, [reference]] - kept, columns, reference, w[rows] / w[rows].mean(), rows)

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
        gain = self.share @ self.better
        return gain, np.sqrt(self.share @ (self.better - gain) ** 2 / max(self.effective - 1.0, 1.0))
