"""Where an acquisition function is largest in a mixed, conditional space.

Quasi-random points and perturbations of the best observations (the pool), then rounds of ever smaller perturbations of
the leaders, then steps uphill along the ordered coordinates of the best few. The pool does not depend on what
runs, so the proposals of a batch share one, and what the models predict there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.samplers.gp.feature_map import Features

Floats = NDArray[np.float64]
Box = tuple[Floats, Floats]
N_SPREAD = 512  # quasi-random candidates
N_NEAR = 40  # perturbations of each incumbent
WIDE, FINE = (
    (0.1, 0.03),
    (0.01, 0.003),
)  # step sizes in the unit cube; the fine ones where slopes do not lead to the end
N_LEADERS, N_STEPS = 8, 25
N_STARTS, N_ITERATIONS = 4, 8
TOLERANCE, FIRST = 1e-3, 0.01  # a gain that is none, of the acquisition; the length of the first step
BRIEF = (0.05,)  # step sizes for the others of a batch, where slopes do not lead to the end
BRIEF_STEPS, BRIEF_STARTS, BRIEF_ITERATIONS = 12, 3, 5
N_SHORT = 256  # points of a pool that they begin with


class Acquisition(Protocol):
    """A function of features z[q, F] that is to be made large."""

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return the values [q] and gradients [q, F]; None if there is no gradient."""


class Points(Protocol):
    """What is searched: a space, or a part of one."""

    @property
    def constraints(self) -> Sequence[object]:
        """Its constraints, if it has any."""

    def __len__(self) -> int:
        """Return the number of parameters d."""

    def from_unit(self, u: Floats) -> Floats:
        """Return the internal values [q, d] at unit coordinates [q, d]."""

    def to_unit(self, x: Floats) -> Floats:
        """Return the unit coordinates [q, d] of internal values [q, d]."""

    def feasible(self, x: Floats) -> NDArray[np.bool_]:
        """Tell which rows meet the constraints."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Points to begin with: internal values x[q, d], unit coordinates u[q, d] and features z[q, F]."""

    x: Floats
    u: Floats
    z: Floats


def pool_of(
    space: Points, features: Features, incumbents: Floats, rng: np.random.Generator, box: Box | None = None
) -> Pool:
    """Return quasi-random points and perturbations of good observations.

    Args:
        space: the space, or a branch of it.
        features: its features.
        incumbents: unit coordinates [k, d] of good observations.
        rng: the source of randomness.
        box: lowest and highest unit coordinates [d] to look at (a trust region); categoricals are not bound by it.
    """
    d = len(space)
    low, high = box if box is not None else (np.zeros(d), np.ones(d))
    filled = np.nan_to_num(incumbents, nan=0.5)
    near = [_perturbed(np.repeat(filled, N_NEAR // 2, axis=0), step, features, rng, low, high) for step in (0.2, 0.05)]
    return _placed(space, features, np.concatenate([low + _spread(d, rng) * (high - low), *near]))


def best_of(pool: Pool, value: Floats) -> Pool:
    """Return the points of a pool with the largest values [q]."""
    at = np.argsort(-value, kind="stable")[:N_SHORT]
    return Pool(pool.x[at], pool.u[at], pool.z[at])


def maximise(
    acquisition: Acquisition,
    space: Points,
    features: Features,
    pool: Pool,
    rng: np.random.Generator,
    is_taken: Callable[[Floats], NDArray[np.bool_]],
    box: Box | None = None,
    brief: bool = False,
) -> Floats | None:
    """Return internal values x[d] of the best point found that is feasible and not taken; None if there is none.

    Args:
        acquisition: what to maximise.
        space: the space, or a branch of it.
        features: its features.
        pool: points to begin with, of the same space, features and box.
        rng: the source of randomness.
        is_taken: tells which rows of x[q, d] may not be proposed.
        box: see :func:`pool_of`.
        brief: spend a third of the time, on one of many points that are looked for; the pool is then a short one.
    """
    d = len(space)
    low, high = box if box is not None else (np.zeros(d), np.ones(d))
    search = _Search(acquisition, space, features, rng, low, high)
    search.consider(pool)
    smooth = not features.cell.any() and len(pool.z) > 0 and acquisition.gradient(pool.z[:1]) is not None
    for step in WIDE if not brief else () if smooth else BRIEF:
        search.vary(step, BRIEF_STEPS if brief else N_STEPS)
    refined = search.refined(*((BRIEF_STARTS, BRIEF_ITERATIONS) if brief else (N_STARTS, N_ITERATIONS)))
    if refined is not None:
        search.consider(_placed(space, features, refined))
    for step in () if smooth or brief else FINE if refined is None else FINE[:1]:
        search.vary(step, BRIEF_STEPS if brief else N_STEPS)
    return search.winner(is_taken)


def _placed(space: Points, features: Features, u: Floats) -> Pool:
    """Return points of the unit cube [q, d] brought onto the space, those that break a constraint left out."""
    x = space.from_unit(u)
    if space.constraints:
        x = x[space.feasible(x)]
    u = space.to_unit(x)
    return Pool(x, u, features(u))


def _spread(d: int, rng: np.random.Generator) -> Floats:
    """Return quasi-random points [N_SPREAD, d]: a fixed Sobol' sequence under a random shift (Cranley & Patterson)."""
    points: Floats = (_sobol(d) + rng.random(d)) % 1.0
    return points


_SOBOL: dict[int, Floats] = {}


def _sobol(d: int) -> Floats:
    if d not in _SOBOL:
        from scipy.stats import qmc

        _SOBOL[d] = (
            qmc.Sobol(d, scramble=True, seed=np.random.default_rng(0)).random(N_SPREAD)
            if d <= 21_201
            else np.random.default_rng(0).random((N_SPREAD, d))
        )
    return _SOBOL[d]


class _Search:
    """The candidates seen so far, with their values."""

    def __init__(
        self,
        acquisition: Acquisition,
        space: Points,
        features: Features,
        rng: np.random.Generator,
        low: Floats,
        high: Floats,
    ) -> None:
        self.acquisition, self.space, self.features, self.rng = acquisition, space, features, rng
        self.low, self.high = low, high
        self.x = np.empty((0, len(space)))
        self.u = np.empty((0, len(space)))
        self.value = np.empty(0)

    def consider(self, points: Pool) -> None:
        """Value points and keep them."""
        value = self.acquisition.value(points.z) if len(points.z) else np.empty(0)
        self.x, self.u = np.concatenate([self.x, points.x]), np.concatenate([self.u, points.u])
        self.value = np.concatenate([self.value, np.where(np.isnan(value), -np.inf, value)])

    def vary(self, step: float, times: int) -> None:
        """Consider perturbations of the leaders."""
        u = np.repeat(self.best(N_LEADERS), times, axis=0)
        u = _perturbed(u, step, self.features, self.rng, self.low, self.high)
        self.consider(_placed(self.space, self.features, u))

    def best(self, k: int) -> Floats:
        """Return the unit coordinates of the k best candidates, ½ where inactive."""
        return np.asarray(np.nan_to_num(self.u[np.argsort(-self.value, kind="stable")[:k]], nan=0.5))

    def refined(self, k: int, iterations: int) -> Floats | None:
        """Return the k best candidates moved uphill along their ordered, active coordinates; None if there is no slope.

        Spectral projected gradients (Birgin, Martínez & Raydan, SIAM J. Optim. 10, 2000), all candidates at once; a
        step that leads downhill is taken back.
        """
        columns = self.features.ordered
        if not len(columns) or not len(self.u):
            return None
        u = self.u[np.argsort(-self.value, kind="stable")[:k]]
        z = self.features(u)
        found = self.acquisition.gradient(z)
        if found is None:
            return None
        width = len(columns)
        value, slope = found[0], found[1][:, :width]
        free = ~np.isnan(u[:, columns])
        u = np.nan_to_num(u, nan=0.5)
        x, low, high = u[:, columns], self.low[columns], self.high[columns]
        slope = np.where(free, slope, 0.0)
        length = FIRST / np.maximum(np.sqrt(_dot(slope, slope)), 1e-300)
        for _ in range(iterations):
            there = np.clip(x + length[:, None] * slope, low, high)
            z[:, :width] = there
            new_value, new_slope = self.acquisition.gradient(z) or found
            new_slope = np.where(free, new_slope[:, :width], 0.0)
            gain = new_value - value
            up = gain > 0.0
            move = there - x
            bend = -_dot(move, new_slope - slope)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                spectral = np.where(bend > 0.0, _dot(move, move) / bend, 4.0 * length)
            length = np.where(up, np.minimum(spectral, 1e6 * length), 0.25 * length)
            x = np.where(up[:, None], there, x)
            value, slope = np.where(up, new_value, value), np.where(up[:, None], new_slope, slope)
            if np.all(np.abs(gain) < TOLERANCE):
                break
        u[:, columns] = x
        return u

    def winner(self, is_taken: Callable[[Floats], NDArray[np.bool_]]) -> Floats | None:
        """Return x[d] of the best candidate that is not taken."""
        order = np.argsort(-self.value, kind="stable")
        for at in range(0, len(order), 64):
            block = order[at : at + 64]
            left = block[~is_taken(self.x[block])]
            if len(left):
                return np.asarray(self.x[left[0]])
        return None


def _perturbed(
    u: Floats, step: float, features: Features, rng: np.random.Generator, low: Floats, high: Floats
) -> Floats:
    """Return each row of u[q, d] with some coordinates changed: two on average, one at least.

    Ordered ones move by a normal step, at least to the next cell of a lattice; categoricals are drawn anew.
    """
    q, d = int(u.shape[0]), int(u.shape[1])
    if not q or not d:
        return u
    moved = rng.random((q, d)) < min(1.0, 2.0 / d)
    moved[np.arange(q), rng.integers(d, size=q)] = True
    change = step * rng.standard_normal((q, d))
    least = features.cell * (np.abs(change) < features.cell)
    change = np.where(least > 0, np.sign(change) * least, change)
    v = np.clip(u + change * moved, low, high)
    for j, _ in features.nominal:
        v[:, j] = np.where(moved[:, j], rng.random(q), u[:, j])
    return v


def _dot(a: Floats, b: Floats) -> Floats:
    """Return the scalar product of each row of a[q, d] and b[q, d]."""
    product: Floats = np.einsum("ij,ij->i", a, b)
    return product
