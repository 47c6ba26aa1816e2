"""A local process around one good trial, and the minimum of a function that is drawn from it (Thompson sampling).

With hundreds of trials running, those near the best one cannot be taken into account one by one. A drawn function needs
no account of them: where the process is sure its minimum lies in one place, and where it is not each worker gets
another one (Hernández-Lobato et al., ICML 2017). Of hundreds of draws the best one counts, not the mean of them, so
some are drawn with more variance than the process claims.

The process is local, as in Eriksson et al., "TuRBO", NeurIPS 2019, so that 120 rows show a valley.

- Which trial it lies around takes turns: the best one most often, then others that have no better one near them, so
  that a second basin is searched until it is known to be worse (as the peaks of Rodriguez & Laio, Science 344, 2014).
- How far it reaches is drawn anew for each: hundreds of workers fill the surroundings of the best trial within minutes,
  and a box that shrank to them would let the search creep along a valley. Of the rows within its reach it takes the
  best ones, and others that lie far apart.

Symbols: n rows, d parameters, z[n, F] features, a = z / ℓ, y[n] values, u[n, d] unit coordinates.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_probability_below
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.gp import Posterior, fit, square_distances
from tunesmith.foundation.numerics.warp import Warp
from tunesmith.history import History
from tunesmith.samplers.finished import N_BEST_AT_MARGIN, lie_beyond, near_the_best, point_keys
from tunesmith.samplers.gp.acquisition import Constraint
from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.hyperparameters import MIN_MODEL_ROWS, model_prior
from tunesmith.samplers.gp.maximise import Box, CandidatePool, ascended, on_region
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap, perturbed

NEIGHBOURHOOD_ROWS, NEIGHBOURHOOD_BEST_ROWS = 120, 30  # rows of the process, and how many of them are the best ones
NEIGHBOURHOOD_REACHES = (1, 2, 4, 8)  # times as many rows: how far it may reach
# A new one for each eighth more trials, at most 48 of them, or a 64th if that is more.
RENEWAL, MAX_RENEWAL, LATE_RENEWAL = 8, 48, 64
N_CENTRES = 4
# Centres are among the best fifth of the rows, and among so many.
CENTRES_BEST_DIVISOR, CENTRES_ROWS_LOOKED_AT = 5, 200
LOCAL_LEADERS = 8
LEADER_DOUBT = 0.3  # mean of what is added to the factor 1 of the standard deviation


def rows_near(history: History) -> tuple[int, int]:
    """Return how many rows of a history a neighbourhood is made of, and how many neighbourhoods came before it."""
    finite = np.flatnonzero(np.isfinite(history.y).all(axis=1))
    count, turn = MIN_MODEL_ROWS, 0
    while (following := count + min(max(1, count // RENEWAL), max(MAX_RENEWAL, count // LATE_RENEWAL))) <= len(finite):
        count, turn = following, turn + 1
    return int(finite[count - 1]) + 1, turn


class Neighbourhood:
    """Proposes the minima of functions drawn from a local process.

    Args:
        context: what is known, of one objective.
        theta: hyperparameters of a process of the whole space.
        turn: how many neighbourhoods came before it.
    """

    def __init__(self, context: SearchContext, theta: Floats, constraints: Sequence[Constraint], turn: int) -> None:
        data, features, rng = context.data, context.features, context.rng
        y = np.where(data.feasible, data.y[:, 0], np.inf) if data.feasible.any() else data.y[:, 0]
        z, u = features(data.u), np.nan_to_num(data.u, nan=0.5)
        a = z * np.exp(-theta[:-1])[features.group]
        centre = _centre(y, a, turn)
        reach = NEIGHBOURHOOD_ROWS * NEIGHBOURHOOD_REACHES[int(rng.integers(len(NEIGHBOURHOOD_REACHES)))]
        near = np.argsort(square_distances(a, a[[centre]])[:, 0], kind="stable")[:reach]
        rows = np.sort(near[_spread_rows(a[near], y[near])])
        warp, noise = Warp(data.y[rows, 0]), data.noise[rows, 0]
        t, known = warp.values, warp.variances(noise) if noise.any() else 0.0
        theta = fit(z[rows], features.group, t, model_prior(features), starts=[theta], known=known)
        own = Posterior(z[rows], features.group, t, theta, known)
        top = rows[np.argsort(np.where(np.isfinite(y[rows]), own.fitted, np.inf), kind="stable")[:LOCAL_LEADERS]]
        self._boundaries, self._is_likely = data.boundaries, near_the_best(data.u[top[:N_BEST_AT_MARGIN]])
        box = self._box(u[rows], u[centre])
        pool = self._pool = local_candidates(context.space, features, own, u[rows], u[top], box, rng)
        self._keys = point_keys(pool.x)
        self._value = own.predict(pool.z)[0]
        if context.prior_weight:
            self._value -= context.prior_weight.value(pool.z)
        for model, limit in constraints:
            self._value -= log_probability_below(*model.predict(pool.z), limit)
        self._root = _root(own.covariance(pool.z))

    def _box(self, u: Floats, centre: Floats) -> Box:
        """Return the lowest and highest unit coordinates [d] to look at: as far from the centre as rows go."""
        limits = self._boundaries.limits(u[:0], self._is_likely)
        half = np.abs(u - centre).max(axis=0)
        return np.clip(centre - half, *limits), np.clip(centre + half, *limits)

    def propose(
        self, at_once: Floats, tried: Container[bytes], running: Container[bytes], rng: np.random.Generator
    ) -> Floats | None:
        """Return internal values [d] of the next point; None: every candidate was tried.

        Args:
            at_once: unit coordinates [p, d] of running trials.
            tried: the keys of finished trials.
        """
        limits = self._boundaries.limits(at_once, self._is_likely)
        doubt = 1.0 + rng.exponential(LEADER_DOUBT)
        drawn = self._value + doubt * (self._root @ rng.standard_normal(len(self._root)))
        drawn[lie_beyond(self._pool.u, limits)] = np.inf
        for i in np.argsort(drawn, kind="stable").tolist():
            if drawn[i] < np.inf and self._keys[i] not in tried and self._keys[i] not in running:
                return np.array(self._pool.x[i])
        return None


def _centre(y: Floats, a: Floats, turn: int) -> int:
    """Return the row to lie around: every second time the best one, every fourth time that of another basin.

    A row is the best of a basin if no better one lies within a lengthscale.
    """
    order = np.argsort(y, kind="stable")[: min(CENTRES_ROWS_LOOKED_AT, max(N_CENTRES, len(y) // CENTRES_BEST_DIVISOR))]
    order = order[np.isfinite(y[order])]
    is_near = square_distances(a[order], a[order]) < 1.0
    basins = order[~np.tril(is_near, -1).any(axis=1)]
    halvings = (turn & -turn).bit_length() - 1 if turn else 0  # 0, 1, 0, 2, 0, 1, 0, 3, …
    return int(basins[min(halvings, N_CENTRES - 1) % len(basins)])


def _spread_rows(a: Floats, y: Floats) -> Indices:
    """Return which rows of a[r, F] to use: all, or the best ones and others as far from all chosen ones as can be."""
    if len(a) <= NEIGHBOURHOOD_ROWS:
        return np.arange(len(a))
    chosen = np.argsort(y, kind="stable")[:NEIGHBOURHOOD_BEST_ROWS].tolist()
    distance = square_distances(a, a[chosen]).min(axis=1)
    while len(chosen) < NEIGHBOURHOOD_ROWS:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, square_distances(a, a[chosen[-1:]])[:, 0])
    return np.array(chosen)


def _root(covariance: Floats) -> Floats:
    """Return a square root [q, q] of a covariance matrix."""
    from scipy.linalg import lapack

    jitter = 1e-9
    while len(covariance):  # ends: the diagonal grows until it dominates
        covariance.flat[:: len(covariance) + 1] += jitter
        factor, info = lapack.dpotrf(covariance, lower=1, clean=1)
        if info == 0:
            return np.asarray(factor)
        jitter *= 10.0
    return covariance


# -- candidates for the minimum of a function that is drawn from a local process --------------------------------------
#
# Steps have many sizes, since the one that helps is not known; and there are points where the process has minima
# itself, since beside a narrow valley random points all lie on its walls.
#
# Symbols: n rows, q candidates, d parameters, u[n, d] unit coordinates, μ and σ posterior mean and standard deviation.

N_CANDIDATES_EACH = 8  # candidates of each kind for each leader
LEADER_STEPS = (0.3, 0.1, 0.03)  # sizes of perturbations of few coordinates, as shares of the box
STEP_EXPONENTS = (0.5, 2.5)  # of the sizes of steps in all coordinates: 10 to the power of minus a number between these
DESCENT_KAPPAS = (0.0, 1.0, 2.0, 4.0)  # κ of the bounds μ - κ σ that descents follow
DESCENT_STARTS, DESCENT_ITERATIONS = 8, 12  # descents for each κ, and their steps
N_NEAR_DESCENT_END = 3  # points near the end of each


def local_candidates(
    space: Space, features: FeatureMap, own: Posterior, u: Floats, leaders: Floats, box: Box, rng: np.random.Generator
) -> CandidatePool:
    """Return points of the box, each once.

    Args:
        own: the local process.
        u: its rows [n, d], ½ where inactive.
        leaders: the best of them [k, d], ½ where inactive.
        box: lowest and highest unit coordinates [d].

    Returns:
        The candidates; none, where constraints of the space leave none.
    """
    first = on_region(space, features, _varied(features, u, leaders, box, rng))
    if not len(first.x):
        return first
    found = _descended(features, own, first, box, rng)
    if found is None:
        return _distinct(first)
    ends = np.repeat(found, N_NEAR_DESCENT_END, axis=0)
    second = on_region(space, features, np.concatenate([found, _moved(features, ends, (1.0, 3.0), box, rng)]))
    both = zip((first.x, first.u, first.z), (second.x, second.u, second.z), strict=True)
    return _distinct(CandidatePool(*(np.concatenate(pair) for pair in both)))


def _varied(features: FeatureMap, u: Floats, leaders: Floats, box: Box, rng: np.random.Generator) -> Floats:
    """Return points anywhere in the box, leaders with few and with all coordinates moved, and differences of rows."""
    low, high = box
    leaders = np.repeat(leaders, N_CANDIDATES_EACH, axis=0)
    q, d = leaders.shape
    parts = [low + (high - low) * rng.random((q, d))]
    parts += [perturbed(leaders, step * (high - low), features, rng, low, high) for step in LEADER_STEPS]
    parts.append(_moved(features, leaders, STEP_EXPONENTS, box, rng))
    a, b = u[rng.integers(len(u), size=(2, q))]
    parts.append(_kept(features, leaders, leaders + rng.random((q, 1)) * (a - b), box))
    return np.concatenate(parts)


def _moved(
    features: FeatureMap, u: Floats, exponents: tuple[float, float], box: Box, rng: np.random.Generator
) -> Floats:
    """Return u[q, d] with all ordered coordinates moved, by a size of its own for each row."""
    size = 10.0 ** -rng.uniform(*exponents, (len(u), 1))
    return _kept(features, u, u + size * (box[1] - box[0]) * rng.standard_normal(u.shape), box)


def _kept(features: FeatureMap, u: Floats, moved: Floats, box: Box) -> Floats:
    """Return the moved points inside the box, with the categories and arrangements of u[q, d]."""
    moved = np.clip(moved, *box)
    for j, _ in (*features.nominal, *features.combinatorial):
        moved[:, j] = u[:, j]
    return moved


def _descended(
    features: FeatureMap, own: Posterior, pool: CandidatePool, box: Box, rng: np.random.Generator
) -> Floats | None:
    """Return where μ - κ σ is small, for each κ and from several starts; None if no parameter has a slope."""
    mean, variance = own.predict(pool.z)
    part = rng.integers(DESCENT_STARTS, size=len(mean))  # the best of each part, so that they are not all in one place
    bounds = mean - np.array(DESCENT_KAPPAS)[:, None] * np.sqrt(variance)
    starts = [int(np.where(part == i, row, np.inf).argmin()) for row in bounds for i in range(DESCENT_STARTS)]
    return ascended(
        _LowerBounds(own, np.repeat(DESCENT_KAPPAS, DESCENT_STARTS)), features, pool.u[starts], box, DESCENT_ITERATIONS
    )


def _distinct(pool: CandidatePool) -> CandidatePool:
    """Return each point once."""
    first: dict[bytes, int] = {}
    for i, key in enumerate(point_keys(pool.x)):
        first.setdefault(key, i)
    at = np.fromiter(first.values(), np.intp)
    return CandidatePool(pool.x[at], pool.u[at], pool.z[at])


class _LowerBounds:
    """The acquisition κ σ - μ, with a κ[q] for each point."""

    def __init__(self, model: Posterior, kappa: Floats) -> None:
        self._model, self._kappa = model, kappa

    def value(self, z: Floats) -> Floats:
        mean, variance = self._model.predict(z)
        return np.asarray(self._kappa * np.sqrt(variance) - mean)

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        mean, variance, d_mean, d_variance = self._model.predict_gradient(z)
        sd = np.sqrt(variance)
        return self._kappa * sd - mean, (0.5 * self._kappa / sd)[:, None] * d_variance - d_mean
