"""Where an acquisition function is largest in a mixed, conditional space.

From a pool of candidates: rounds of ever smaller perturbations of the leaders, then gradient ascent along the ordered
coordinates of the best few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Mask
from tunesmith.foundation.numerics.sobol import sobol
from tunesmith.samplers.gp.branches import Branch
from tunesmith.samplers.qmc import MAX_SOBOL_DIMENSIONS
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap, perturbed

# -- candidates -------------------------------------------------------------------------------------------------------
#
# The pool that each search begins with: quasi-random points and perturbations of the best observations. It does not
# depend on what runs, so the proposals of a batch share one, and what the models predict there.

Box = tuple[Floats, Floats]
Region = Space | Branch  # where the maximum is searched
N_QUASI_RANDOM = 512  # quasi-random candidates
N_NEARBY = 40  # perturbations of each incumbent
N_SHORTLIST = 256  # points of a pool that a quick search begins with


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Points to begin with: internal values x[q, d], unit coordinates u[q, d] and features z[q, F]."""

    x: Floats
    u: Floats
    z: Floats


def candidate_pool(
    region: Region, features: FeatureMap, incumbents: Floats, rng: np.random.Generator, box: Box
) -> CandidatePool:
    """Return quasi-random points and perturbations of good observations.

    Args:
        region: the space, or a branch of it.
        incumbents: unit coordinates [k, d] of good observations.
        box: lowest and highest unit coordinates [d] to look at (a trust region); categoricals are not bound by it.

    Returns:
        The pool, in an order that says nothing.
    """
    low, high = box
    filled = np.nan_to_num(incumbents, nan=0.5)
    near = [perturbed(np.repeat(filled, N_NEARBY // 2, axis=0), step, features, rng, low, high) for step in (0.2, 0.05)]
    return on_region(region, features, np.concatenate([low + _quasi_random(len(region), rng) * (high - low), *near]))


def best_candidates(pool: CandidatePool, value: Floats) -> CandidatePool:
    """Return the points of a pool with the largest values [q]."""
    at = np.argsort(-value, kind="stable")[:N_SHORTLIST]
    return CandidatePool(pool.x[at], pool.u[at], pool.z[at])


def on_region(region: Region, features: FeatureMap, u: Floats) -> CandidatePool:
    """Return points of the unit cube [q, d] brought onto the space, those that break a constraint left out."""
    x = region.from_unit(u)
    if region.constraints:
        x = x[region.feasible(x)]
    u = region.to_unit(x)
    return CandidatePool(x, u, features(u))


def _quasi_random(d: int, rng: np.random.Generator) -> Floats:
    """Return quasi-random points [N_QUASI_RANDOM, d]: a fixed Sobol' sequence, shifted (Cranley & Patterson)."""
    points: Floats = (_sobol(d) + rng.random(d)) % 1.0
    return points


@lru_cache(maxsize=16)
def _sobol(d: int) -> Floats:
    if d > MAX_SOBOL_DIMENSIONS:
        return np.random.default_rng(0).random((N_QUASI_RANDOM, d))
    return sobol(d, N_QUASI_RANDOM, seed=0)


# -- rounds of perturbations, and gradient ascent ---------------------------------------------------------------------

COARSE_STEPS = (0.1, 0.03)  # sizes of perturbations in the unit cube
FINE_STEPS = (0.01, 0.003)  # the same, where no gradient leads to the maximum
SEARCH_LEADERS, SEARCH_PERTURBATIONS = 8, 25  # candidates that are perturbed, and how often each
ASCENT_STARTS, ASCENT_ITERATIONS = 4, 8  # of the gradient ascent
LEAST_ASCENT_GAIN = 1e-3  # of the acquisition: a smaller gain ends the ascent
FIRST_ASCENT_STEP = 0.01  # of the unit cube: the length of the first step uphill
# Of the acquisition and of steps uphill: the last bits of another processor lead to no other point.
ACQUISITION_DECIMALS = 6
# Of arrangements of items: at most so many rounds, from each of the best, with so many neighbours of each.
LOCAL_SEARCH_ROUNDS, LOCAL_SEARCH_LEADERS, MOST_NEIGHBOURS = 12, 3, 400
# The same for a quick search, after the first proposal of a batch:
QUICK_STEPS = (0.05,)
QUICK_PERTURBED, QUICK_STARTS, QUICK_ITERATIONS = 12, 3, 5


class Acquisition(Protocol):
    """A function of features z[q, F] that is to be made large."""

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return the values [q] and gradients [q, F]; None if there is no gradient."""


def maximise(
    acquisition: Acquisition,
    region: Region,
    features: FeatureMap,
    pool: CandidatePool,
    rng: np.random.Generator,
    is_taken: Callable[[Floats], Mask],
    box: Box,
    quick: bool = False,
) -> Floats | None:
    """Return internal values x[d] of the best point found that is feasible and not taken; None if there is none.

    Args:
        pool: points to begin with, of the same space, features and box.
        is_taken: tells which rows of x[q, d] may not be proposed.
        box: see `tunesmith.samplers.gp.maximise.candidate_pool`.
        quick: spend a third of the time, on one of many points of a batch; the pool is then a shortlist.
    """
    search = _Search(acquisition, region, features, rng, box)
    search.consider(pool)
    smooth = not features.cell_width.any() and len(pool.z) > 0 and acquisition.gradient(pool.z[:1]) is not None
    n_perturbed = QUICK_PERTURBED if quick else SEARCH_PERTURBATIONS
    for step in COARSE_STEPS if not quick else () if smooth else QUICK_STEPS:
        search.perturb_leaders(step, n_perturbed)
    ascended = search.ascended(*((QUICK_STARTS, QUICK_ITERATIONS) if quick else (ASCENT_STARTS, ASCENT_ITERATIONS)))
    if ascended is not None:
        search.consider(on_region(region, features, ascended))
    for step in () if smooth or quick else FINE_STEPS if ascended is None else FINE_STEPS[:1]:
        search.perturb_leaders(step, n_perturbed)
    for _ in range(LOCAL_SEARCH_ROUNDS if features.combinatorial else 0):
        if not search.move_leaders(LOCAL_SEARCH_LEADERS if not quick else 1):
            break
    return search.winner(is_taken)


class _Search:
    """The candidates seen so far, with their values."""

    def __init__(
        self,
        acquisition: Acquisition,
        region: Region,
        features: FeatureMap,
        rng: np.random.Generator,
        box: Box,
    ) -> None:
        self.acquisition, self.region, self.features, self.rng = acquisition, region, features, rng
        self.low, self.high = box
        self.x = np.empty((0, len(region)))
        self.u = np.empty((0, len(region)))
        self.value = np.empty(0)

    def consider(self, points: CandidatePool) -> None:
        """Value points and keep them."""
        value = self.acquisition.value(points.z) if len(points.z) else np.empty(0)
        self.x, self.u = np.concatenate([self.x, points.x]), np.concatenate([self.u, points.u])
        told = np.where(np.isnan(value), -np.inf, value)
        self.value = np.concatenate([self.value, np.round(told, ACQUISITION_DECIMALS)])

    def perturb_leaders(self, step: float, times: int) -> None:
        """Consider perturbations of the leaders."""
        u = np.repeat(self.best(SEARCH_LEADERS), times, axis=0)
        u = perturbed(u, step, self.features, self.rng, self.low, self.high)
        self.consider(on_region(self.region, self.features, u))

    def move_leaders(self, k: int) -> bool:
        """Consider all that is one move of an arrangement away from the k best; tell whether one of these is better."""
        before = self.value.max(initial=-np.inf)
        near = []
        for u in self.best(k):
            for j, p in self.features.combinatorial:
                rows = p.neighbours(p.rows_at(u[j : j + 1])[0])
                rows = rows[self.rng.permutation(len(rows))[:MOST_NEIGHBOURS]]
                moved = np.repeat(u[None], len(rows), axis=0)
                moved[:, j] = p.unit_of(rows)
                near.append(moved)
        self.consider(on_region(self.region, self.features, np.concatenate(near)))
        return bool(self.value.max(initial=-np.inf) > before)

    def best(self, k: int) -> Floats:
        """Return the unit coordinates of the k best candidates, ½ where inactive."""
        return np.asarray(np.nan_to_num(self.u[np.argsort(-self.value, kind="stable")[:k]], nan=0.5))

    def ascended(self, k: int, iterations: int) -> Floats | None:
        """Return the k best candidates moved uphill; None if there is no slope."""
        if not len(self.u):
            return None
        u = self.u[np.argsort(-self.value, kind="stable")[:k]]
        return ascended(self.acquisition, self.features, u, (self.low, self.high), iterations)

    def winner(self, is_taken: Callable[[Floats], Mask]) -> Floats | None:
        """Return x[d] of the best candidate that is not taken."""
        order = np.argsort(-self.value, kind="stable")
        for at in range(0, len(order), 64):
            block = order[at : at + 64]
            left = block[~is_taken(self.x[block])]
            if len(left):
                return np.asarray(self.x[left[0]])
        return None


def ascended(acquisition: Acquisition, features: FeatureMap, u: Floats, box: Box, iterations: int) -> Floats | None:
    """Return points moved uphill along their ordered, active coordinates [q, d]; None if there is no slope.

    Spectral projected gradients (Birgin, Martínez & Raydan, SIAM J. Optim. 10, 2000), all points at once; a step that
    leads downhill is taken back.

    Args:
        u: where to begin, unit coordinates [q, d].
        box: where to stay.
        iterations: how many steps, at most.
    """
    columns = features.ordered
    if not len(columns):
        return None
    z = features(u)
    found = acquisition.gradient(z)
    if found is None:
        return None
    width = len(columns)
    value, slope = found[0], found[1][:, :width]
    free = ~np.isnan(u[:, columns])
    u = np.nan_to_num(u, nan=0.5)
    x, low, high = u[:, columns], box[0][columns], box[1][columns]
    slope = np.where(free, slope, 0.0)
    length = FIRST_ASCENT_STEP / np.maximum(np.sqrt(_dot(slope, slope)), 1e-300)
    for _ in range(iterations):
        there = np.clip(np.round(x + length[:, None] * slope, ACQUISITION_DECIMALS), low, high)
        z[:, :width] = there
        new_value, new_slope = acquisition.gradient(z) or found
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
        if np.all(np.abs(gain) < LEAST_ASCENT_GAIN):
            break
    u[:, columns] = x
    return u


def _dot(a: Floats, b: Floats) -> Floats:
    """Return the scalar product of each row of a[q, d] and b[q, d]."""
    product: Floats = np.einsum("ij,ij->i", a, b)
    return product
