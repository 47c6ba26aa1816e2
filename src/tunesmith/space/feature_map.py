"""From points of the unit cube to the features that a Gaussian process measures distances between.

An ordered parameter is one feature, its unit coordinate (½ where it is inactive). A categorical has a feature for each
choice, 1/√2 or 0, so that two different choices are at squared distance 1 / ℓ²; these features share ℓ. If it has very
many choices it has 64 features, and each choice is a random direction: two are at that distance give or take an eighth
(with ten thousand features a proposal would take seconds). A permutation has four groups of features: which item stands
where, how far from the start each one is, which one of a pair comes first (the Kendall kernels of Jiao & Vert, ICML
2015, are functions of these), and which items are next to one another; a subset has one feature for each item. The
lengthscales tell what counts. Each distinct condition adds a feature that is 1 where it
holds and 0 elsewhere: a constant distance between active and inactive would not give a valid kernel.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.space.orders import Combinatorial
from tunesmith.space.space import Space

MAX_CATEGORICAL_FEATURES = 64  # features of a categorical
MOVES_A_RANGE = 10.0  # moves of an arrangement, beyond the first, that stand for a step through a whole range


class FeatureMap:
    """The map from u[n, d] to z[n, F] of one space.

    Attributes:
        group: group of each feature, int[F]; features of a group share a lengthscale.
        params: the parameter of each group, those of conditions left out: they come last.
        combinatorial: (column, parameter) of each permutation and subset.
        ordered: columns of u that are ordered parameters, int[k]; they are features 0 to k - 1.
        nominal: (column, number of choices) of each categorical.
        cell_width: width of a lattice cell in the unit cube for each column, 0 where continuous, float[d].
    """

    def __init__(self, space: Space) -> None:
        params = list(space.params.values())
        self.ordered = np.array([j for j, p in enumerate(params) if p.is_ordered], np.intp)
        self.nominal = [(j, int(p.n_values)) for j, p in enumerate(params) if p.is_nominal]
        self.combinatorial = [(j, p) for j, p in enumerate(params) if isinstance(p, Combinatorial)]
        widths = [[g.shape[1] for g in p.features(p.rows(np.zeros(1, np.int64)))] for _, p in self.combinatorial]
        self._widths = [sum(own) for own in widths]
        self.params = [params[j] for j in (*self.ordered, *(j for j, _ in self.nominal))]
        self.params += [p for (_, p), own in zip(self.combinatorial, widths, strict=True) for width in own if width]
        self.cell_width = np.array([1.0 / p.n_values if p.n_values < 1e6 else 0.0 for p in params])
        under: dict[str, list[int]] = {}
        for j, p in enumerate(params):
            if p.condition is not None:
                under.setdefault(repr(p.condition), []).append(j)
        self._conditional = list(under.values())  # columns by condition
        self._witness = [columns[0] for columns in self._conditional]
        group = list(range(len(self.ordered)))
        self._codes = [_codes(k) for _, k in self.nominal]
        for code in self._codes:
            group += [max(group, default=-1) + 1] * code.shape[1]
        for width in (width for own in widths for width in own):
            group += [max(group, default=-1) + 1] * width
        for _ in self._witness:
            group.append(max(group, default=-1) + 1)
        self.group = np.array(group, np.intp)

    def features_of(self, j: int) -> tuple[slice, int | None]:
        """Return the features of column j, and the one that is 1 where its condition holds (None: it has none)."""
        at = len(self.group) - len(self._conditional)
        active = next((at + i for i, columns in enumerate(self._conditional) if j in columns), None)
        if j in self.ordered:
            k = int(np.searchsorted(self.ordered, j))
            return slice(k, k + 1), active
        start = len(self.ordered)
        for (column, _), code in zip(self.nominal, self._codes, strict=True):
            if column == j:
                return slice(start, start + code.shape[1]), active
            start += code.shape[1]
        for (column, _), width in zip(self.combinatorial, self._widths, strict=True):
            if column == j:
                return slice(start, start + width), active
            start += width
        raise ValueError(f"there is no column {j}")

    def __call__(self, u: Floats) -> Floats:
        """Return z[n, F] of u[n, d], NaN where inactive."""
        k = len(self.ordered)
        z = np.empty((len(u), len(self.group)))
        z[:, :k] = u[:, self.ordered]
        if self._witness:
            z[:, len(self.group) - len(self._witness) :] = ~np.isnan(u[:, self._witness])
        if self._witness or np.isnan(z[:, :k]).any():
            np.nan_to_num(z[:, :k], copy=False, nan=0.5)
        at = k
        for (j, choices), code in zip(self.nominal, self._codes, strict=True):
            column = u[:, j]
            index = np.where(np.isnan(column), choices, np.minimum(column * choices, choices - 1))
            z[:, at : at + code.shape[1]] = code[index.astype(np.intp)]
            at += code.shape[1]
        for (j, p), width in zip(self.combinatorial, self._widths, strict=True):
            own = np.concatenate(p.features(p.rows_at(u[:, j])), axis=1)
            z[:, at : at + width] = np.where(np.isnan(u[:, j : j + 1]), 0.0, own)
            at += width
        return z

    def choice(self, j: int, z: Floats) -> Indices:
        """Return which choice [q] of the categorical in column j stands in features z[q, F]; their number if none."""
        code = next(code for (column, _), code in zip(self.nominal, self._codes, strict=True) if column == j)
        own = z[:, self.features_of(j)[0]]
        if code.shape[1] == len(code) - 1:
            return np.asarray(np.where(own.any(axis=1), own.argmax(axis=1), code.shape[1]))
        order = np.argsort(code[:, 0])  # one number tells a random direction
        return np.asarray(order[np.searchsorted(code[:, 0], own[:, 0], sorter=order)])


@lru_cache(maxsize=16)
def _codes(k: int) -> Floats:
    """Return the features [k + 1, w] of each of k choices; the last row: inactive."""
    if k <= MAX_CATEGORICAL_FEATURES:
        return np.vstack([np.eye(k) / math.sqrt(2.0), np.zeros(k)])
    direction = np.random.default_rng(0).standard_normal((k, MAX_CATEGORICAL_FEATURES))
    direction /= np.sqrt(2.0 * np.einsum("ij,ij->i", direction, direction))[:, None]
    return np.vstack([direction, np.zeros(MAX_CATEGORICAL_FEATURES)])


# ----------------------------------------------------------------------------------------------------------------------
# Points near others, for searches that start from good ones.


def perturbed(
    u: Floats, step: float | Floats, features: FeatureMap, rng: np.random.Generator, low: Floats, high: Floats
) -> Floats:
    """Return each row of u[q, d] with some coordinates changed: two on average, one at least.

    Ordered ones move by a normal step, at least to the next cell of a lattice; categoricals are drawn anew;
    permutations and subsets make a move or a few.
    """
    q, d = int(u.shape[0]), int(u.shape[1])
    if not q or not d:
        return u
    moved = rng.random((q, d)) < min(1.0, 2.0 / d)
    moved[np.arange(q), rng.integers(d, size=q)] = True
    change = step * rng.standard_normal((q, d))
    least = features.cell_width * (np.abs(change) < features.cell_width)
    change = np.where(least > 0, np.sign(change) * least, change)
    v = np.clip(u + change * moved, low, high)
    for j, _ in features.nominal:
        v[:, j] = np.where(moved[:, j], rng.random(q), u[:, j])
    for j, p in features.combinatorial:
        moves = MOVES_A_RANGE * (float(np.mean(step)) if isinstance(step, np.ndarray) else step)
        v[:, j] = np.where(moved[:, j], p.shaken(u[:, j], moves, rng), u[:, j])
    return v
