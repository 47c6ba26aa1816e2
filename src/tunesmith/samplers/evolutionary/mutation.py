"""Mutations of unit points, for samplers that vary the points they have."""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Ints
from tunesmith.space import Combinatorial, Space

MORE_MOVES = 0.5  # of an arrangement: the mean of the exponential number of moves beyond the first
MAX_VALUES_BY_CELL = 50  # values up to which a lattice moves by cells and not by distances


class MutationOperators:
    """The mutations of the parameters of a space.

    Attributes:
        free: columns with more than one value.
        categorical: which parameters are categorical [d].
        has_categorical: whether a free one is.
        combinatorial: the arrangements of items, by column.
        few_valued: which have few values or no distances [d], categorical ones and arrangements among them.
        few_valued_share: their share of the free.
        priors: the columns of parameters that have a prior, with it.
    """

    def __init__(self, space: Space) -> None:
        params = list(space.params.values())
        self._n_values = np.array([float(p.n_values) for p in params])
        self.categorical = np.array([p.is_nominal for p in params], bool)
        self.combinatorial = {j: p for j, p in enumerate(params) if isinstance(p, Combinatorial) and p.n_values > 1}
        self.free = np.flatnonzero(self._n_values > 1)
        self.has_categorical = bool(self.categorical[self.free].any())
        self.few_valued = (self.categorical & np.isfinite(self._n_values)) | (self._n_values <= MAX_VALUES_BY_CELL)
        self.few_valued[list(self.combinatorial)] = True
        self.few_valued_share = float(self.few_valued[self.free].mean()) if len(self.free) else 0.0
        self.priors = [(j, prior) for j, p in enumerate(params) if (prior := p.unit_prior()) is not None]

    def random_point(self, rng: np.random.Generator) -> Floats:
        """Return a random unit point u[d]; half of the points follow the priors, where there are any."""
        u = rng.random(len(self._n_values))
        if self.priors and rng.random() < 0.5:
            for j, prior in self.priors:
                u[j] = prior.draw(u[j : j + 1])[0]
        return u

    def choose_columns(self, rng: np.random.Generator, probability: float) -> Ints:
        """Return columns that are to change: each free one with a probability, at least one of them."""
        chosen = rng.random(len(self.free)) < probability
        chosen[int(rng.integers(len(self.free)))] = True
        return self.free[chosen]

    def jump(self, u: Floats, at: Ints, rng: np.random.Generator) -> Floats:
        """Return other values for the few-valued parameters among u[at], as unit coordinates; NaN for the rest.

        A category changes to any other one, a number mostly to the next one up or down; arrangements make a move
        or two.
        """
        n_values = self._n_values[at]
        with np.errstate(invalid="ignore"):
            cell = np.floor(np.minimum(u[at] * n_values, n_values - 1))
            other = np.mod(cell + 1 + np.floor(rng.random(len(at)) * (n_values - 1)), n_values)
            side = cell + np.where(rng.random(len(at)) < 0.5, -1, 1)
            side = np.where(side < 0, np.minimum(1, n_values - 1), np.where(side >= n_values, n_values - 2, side))
            far = self.categorical[at] | (rng.random(len(at)) < 0.3)
            moved: Floats = (np.where(far, other, side) + 0.5) / n_values
        for i, j in enumerate(at.tolist() if self.combinatorial else ()):
            if j in self.combinatorial:
                moved[i] = self.combinatorial[j].shaken(u[j : j + 1], MORE_MOVES, rng)[0]
        return np.where(self.few_valued[at], moved, np.nan)

    def cross(self, child: Floats, a: Floats, b: Floats, rng: np.random.Generator) -> None:
        """Set the arrangements of a child u[d] to what has something of both parents, where both have one."""
        for j, p in self.combinatorial.items():
            if not np.isnan(a[j] + b[j]):
                one, other = (p.rows_at(parent[j : j + 1])[0] for parent in (a, b))
                child[j] = p.unit_of(p.crossed(one, other, rng)[None])[0]


def mirrored(u: Floats) -> Floats:
    """Reflect what lies outside of [0, 1] at the bounds."""
    t = np.mod(u, 2.0)
    return np.minimum(t, 2.0 - t)
