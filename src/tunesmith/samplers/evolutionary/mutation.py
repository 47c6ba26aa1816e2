"""Small changes of unit points, for samplers that vary what they have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SHORT = 50  # values up to which a lattice moves by cells and not by distances


class Kinds:
    """What can be done to the parameters of a space.

    Attributes:
        free: columns with more than one value.
        cells: number of values of each parameter [d], infinite if continuous.
        category: which are categorical [d].
        short: which have few values [d], categories among them.
        beliefs: the columns of parameters that have a prior, with it.
    """

    def __init__(self, space: Space) -> None:
        params = list(space.params.values())
        self.cells = np.array([float(p.n_values) for p in params])
        self.category = np.array([not p.is_ordered for p in params], bool)
        self.free = np.flatnonzero(self.cells > 1)
        self.short = (self.category & np.isfinite(self.cells)) | (self.cells <= SHORT)

        self.beliefs = [(j, belief) for j, p in enumerate(params) if (belief := p.unit_prior()) is not None]

    def start(self, rng: np.random.Generator) -> Floats:
        """Return a random unit point u[d]; half of them follow what the user believes, where that is known."""
        u = rng.random(len(self.cells))
        if self.beliefs and rng.random() < 0.5:
            for j, belief in self.beliefs:
                u[j] = belief.draw(u[j : j + 1])[0]
        return u

    @property
    def short_share(self) -> float:
        """The part of the free parameters that have few values."""
        return float(self.short[self.free].mean()) if len(self.free) else 0.0

    def some(self, rng: np.random.Generator, probability: float) -> Ints:
        """Return columns that are to change: each free one with a probability, at least one of them."""
        chosen = rng.random(len(self.free)) < probability
        chosen[int(rng.integers(len(self.free)))] = True
        return self.free[chosen]

    def jump(self, u: Floats, at: Ints, rng: np.random.Generator) -> Floats:
        """Return other values for the short parameters u[at], as unit coordinates; NaN for the rest.

        A category goes to any other one, a number mostly to the next one up or down.
        """
        cells = self.cells[at]
        with np.errstate(invalid="ignore"):
            cell = np.floor(np.minimum(u[at] * cells, cells - 1))
            other = np.mod(cell + 1 + np.floor(rng.random(len(at)) * (cells - 1)), cells)
            side = cell + np.where(rng.random(len(at)) < 0.5, -1, 1)
            side = np.where(side < 0, np.minimum(1, cells - 1), np.where(side >= cells, cells - 2, side))
            far = self.category[at] | (rng.random(len(at)) < 0.3)
            moved: Floats = (np.where(far, other, side) + 0.5) / cells
        return np.where(self.short[at], moved, np.nan)


def mirrored(u: Floats) -> Floats:
    """Fold what lies outside of [0, 1] back at the bounds."""
    t = np.mod(u, 2.0)
    return np.minimum(t, 2.0 - t)
