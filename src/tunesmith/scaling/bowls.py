"""The loss around the optimum of each scale: one convex shape for all, an optimum and a height of its own for each.

A run at the hyperparameters z (logarithms) of the scale s is expected to reach

    L_s + a_s · g(z − m_s),    log a_s linear in the log scale,

with the optimum m_s, the lowest loss L_s, and a convex g with g(0) = 0, the same for all scales (a shape-invariant
model, Lawton, Sylvestre and Maggio 1972). g is a sum, with coefficients of at least zero, of squares and of
exp(v·d) − 1 − v·d (the LINEX loss of Varian 1975) in several directions v: so it may be steep towards high learning
rates and flat towards low ones, which a square cannot be; fitted by squares, the optimum comes out too low. The error
of a run has the standard deviation sqrt(σ² + (κ · excess)²): far from the optimum the shape is only about right, and
such runs pull accordingly less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import nnls
from scipy.stats import qmc

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.scaling.runs import Runs

Means = Callable[[Floats], Floats]

RATES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # of the exponentials, per unit of `Bowls.unit`
MOST_EXPONENT = 6.0
SWEEP, SWEEPS = 128, 256  # runs of an imagined sweep around the optimum, and how many sweeps
REACH = 2.0  # of such a sweep to each side, in units of what was tried
TURNS = 30  # of the fit; it ends before when the optima stand
STANDS = 1e-3  # in units
BOX = 2.0  # standard deviation of the prior of an optimum around the middle of what was tried, in half-widths
NEAR = 0.05  # part of what was tried at a scale: an optimum so near to its end, or beyond, is at the edge
GROWTH = 0.3  # standard deviation of the prior of d log a / d log scale
PRIOR_RUNS = 10.0  # what the priors of the errors are worth
WEIGHTS = 0.5  # standard deviation of the prior of each of the shape's weights, in weights of the round square
SHIFT = 1.0  # of a turn's shift of all optima, in units
USUAL_NOISE = 1e-3  # σ before runs were seen, as a part of the median loss
USUAL_ROUGHNESS = 0.2  # κ before runs were seen


@dataclass(frozen=True, eq=False)
class Shape:
    """A convex function of the distance to the optimum, 0 at 0.

    Symbols: k hyperparameters, j squares, e exponentials.

    Attributes:
        squares: directions of the squares [j, k].
        rates: directions of the exponentials [e, k].
        weights: coefficients [j + e], at least 0.
    """

    squares: Floats
    rates: Floats
    weights: Floats

    @classmethod
    def empty(cls, k: int) -> Shape:
        """Return the shape of k hyperparameters whose weights are all 0.

        Args:
            k: number of hyperparameters.
        """
        axes = np.eye(k)
        diagonals = [
            (axes[i] + sign * axes[j]) / np.sqrt(2) for i, j in combinations(range(k), 2) for sign in (1.0, -1.0)
        ]
        lines = np.array([*axes, *diagonals])
        rates = np.concatenate([sign * rate * lines for rate in RATES for sign in (1.0, -1.0)])
        return cls(lines, rates, np.zeros(len(lines) + len(rates)))

    def terms(self, d: Floats) -> Floats:
        """Return the value of each term [n, j + e].

        Args:
            d: distances to the optimum [n, k].
        """
        t = np.minimum(d @ self.rates.T, MOST_EXPONENT)
        return np.concatenate([(d @ self.squares.T) ** 2 / 2, (np.expm1(t) - t) / (self.rates**2).sum(axis=1)], axis=1)

    def value(self, d: Floats) -> Floats:
        """Return g [n].

        Args:
            d: distances to the optimum [n, k].
        """
        return self.terms(d) @ self.weights

    def slope(self, d: Floats) -> Floats:
        """Return the gradient of g [n, k].

        Args:
            d: distances to the optimum [n, k].
        """
        square, exponential = np.split(self.weights, [len(self.squares)])
        t = np.minimum(d @ self.rates.T, MOST_EXPONENT)
        per_rate = np.expm1(t) * (exponential / (self.rates**2).sum(axis=1))
        return np.asarray(((d @ self.squares.T) * square) @ self.squares + per_rate @ self.rates)

    @property
    def curvature(self) -> Floats:
        """The second derivatives at the optimum [k, k]."""
        square, exponential = np.split(self.weights, [len(self.squares)])
        scaled = exponential / (self.rates**2).sum(axis=1)
        return np.asarray((self.squares.T * square) @ self.squares + (self.rates.T * scaled) @ self.rates)


@dataclass(frozen=True, eq=False)
class Bowls:
    """The fitted bowls.

    Attributes:
        optimum: m of each scale [s, k].
        covariance: of `optimum` [s, k, k].
        level: L of each scale [s].
        level_error: standard deviation of `level` [s].
        shape: g, as a function of distances in `unit`.
        unit: of each hyperparameter [k]: the usual spread of what was tried at a scale.
        growth: d log a / d log scale [q].
        centre: log scale at which a is 1 [q].
        noise: σ, the standard deviation of a run's loss near the optimum.
        roughness: κ, what is added to it for each unit of excess loss.
        low: least value of each hyperparameter that was tried at a scale [s, k].
        high: the greatest [s, k].
    """

    optimum: Floats
    covariance: Floats
    level: Floats
    level_error: Floats
    shape: Shape
    unit: Floats
    growth: Floats
    centre: Floats
    noise: float
    roughness: float
    low: Floats
    high: Floats

    def steepness(self, log_scale: Floats) -> Floats:
        """Return a at scales [r].

        Args:
            log_scale: [r, q].
        """
        return np.exp((log_scale - self.centre) @ self.growth)

    def excess(self, d: Floats, steepness: float | Floats = 1.0) -> Floats:
        """Return by how much the loss is above the lowest [n].

        Args:
            d: distances to the optimum [n, k], in logarithms.
            steepness: a, of all or of each [n].
        """
        return np.asarray(steepness * self.shape.value(d / self.unit))

    def information(self, d: Floats, steepness: float | Floats = 1.0) -> Floats:
        """Return what a run tells of the lowest loss and the optimum: Fisher's information [n, 1 + k, 1 + k].

        Args:
            d: distances to the optimum [n, k], in logarithms.
            steepness: a, of all or of each [n].
        """
        a = np.broadcast_to(steepness, len(d))
        slope = -a[:, None] * self.shape.slope(d / self.unit) / self.unit
        row = np.concatenate([np.ones((len(d), 1)), slope], axis=1)
        variance = self.noise**2 + (self.roughness * self.excess(d, a)) ** 2
        return np.asarray(row[:, :, None] * row[:, None, :] / variance[:, None, None])

    def curvature(self, steepness: float) -> Floats:
        """Return the second derivatives of the loss at an optimum, in logarithms [k, k].

        Args:
            steepness: a.
        """
        return np.asarray(steepness * self.shape.curvature / np.outer(self.unit, self.unit))

    def sweeps(self, steepness: Floats) -> Floats:
        """Return the covariance of the best run of a sweep around the optimum: a flat bowl and noise move it [r, k, k].

        Args:
            steepness: of each bowl [r].
        """
        rng = np.random.default_rng(0)
        k = len(self.unit)
        reach = REACH * self.unit
        places = qmc.Sobol(k, rng=rng).random(SWEEP)
        best = np.empty((len(steepness), SWEEPS, k))
        for i in range(SWEEPS):
            d = (2 * ((places + rng.random(k)) % 1) - 1) * reach
            excess = steepness[:, None] * self.excess(d)
            seen = excess + np.hypot(self.noise, self.roughness * excess) * rng.standard_normal(SWEEP)
            best[:, i] = d[seen.argmin(axis=1)]
        return np.asarray(best.transpose(0, 2, 1) @ best / SWEEPS)


def fit_bowls(runs: Runs) -> Bowls:
    """Fit the bowls to runs.

    By turns: the shape (least squares with coefficients of at least 0), one step of Gauss and Newton for each scale's
    optimum, one for the steepness, and the size of the errors.

    A failed run says that its loss is at least the worst one of its scale. An optimum at the edge of what was tried, or
    beyond, is known to half of what was tried at best: nobody saw the other side of its bowl.

    Args:
        runs: at one scale or more.
    """
    cell, failed = runs.cell, runs.failed
    n_cells, k = len(runs.scales), runs.z.shape[1]
    rows = [np.flatnonzero(cell == s) for s in range(n_cells)]
    unit = _units(runs.z, rows)
    z = runs.z / unit
    low, high = (np.array([end(z[r], axis=0) for r in rows]) for end in (np.min, np.max))
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    worst = np.array([np.nanmax(runs.loss[r]) for r in rows])[cell]
    y = np.where(failed, worst, runs.loss)
    log_scale = np.log(runs.scales)
    centre = log_scale.mean(axis=0)
    x = (log_scale - centre)[cell]
    spread = float(np.median(np.abs(y - np.median(y)))) or 1.0
    usual = USUAL_NOISE * (float(np.median(np.abs(y))) or 1.0)
    noise, roughness, growth = usual, USUAL_ROUGHNESS, np.zeros(x.shape[1])
    level = np.array([np.nanmin(runs.loss[r]) for r in rows])
    optimum = np.array([z[r[np.argsort(y[r], kind="stable")[: max(3, len(r) // 6)]]].mean(axis=0) for r in rows])
    shape, excess = Shape.empty(k), np.maximum(y - level[cell], 0.0)
    covariance, level_error = np.tile(np.eye(k), (n_cells, 1, 1)), np.full(n_cells, spread)
    prior = 1 / (BOX * half) ** 2
    total = np.full(n_cells, 1.0)

    def means(values: Floats) -> Floats:
        """Return weighted means by scale, for each run."""
        return np.asarray((np.bincount(cell, weight * values, n_cells) / total)[cell])

    for turn in range(TURNS):
        missed = np.where(failed, np.maximum(worst - level[cell] - excess, 0.0), 0.0)
        weight = 1 / (noise**2 + (roughness * (excess + missed)) ** 2)
        weight /= 1 + weight * missed**2  # a run may fail for other reasons than its hyperparameters (Cauchy)
        total = np.bincount(cell, weight, n_cells)
        a = np.exp(x @ growth)
        d = z - optimum[cell]
        target = np.where(failed, np.maximum(worst, level[cell] + excess), y)  # a failed run is above, never below
        shape, shift = _fit_shape(
            shape, shape.terms(d) * a[:, None], -shape.slope(d) * a[:, None], target, weight, means
        )
        optimum = optimum + shift
        d = z - optimum[cell]
        height = shape.value(d) * a
        level = np.bincount(cell, weight * (target - height), n_cells) / total
        rest = target - height - level[cell]
        jacobian = np.concatenate([np.ones((len(y), 1)), -shape.slope(d) * a[:, None]], axis=1)
        moved = 0.0
        for s, r in enumerate(rows):
            weighted = jacobian[r] * weight[r, None]
            precision = weighted.T @ jacobian[r]
            precision[1:, 1:] += np.diag(prior[s])
            pull = np.concatenate([[0.0], (middle[s] - optimum[s]) * prior[s]])
            inverse = np.linalg.pinv(precision, hermitian=True)
            step = np.clip((inverse @ (weighted.T @ rest[r] + pull))[1:], -0.5, 0.5)
            new = np.clip(optimum[s] + step, low[s] - half[s] / 2, high[s] + half[s] / 2)
            moved = max(moved, float(np.abs(new - optimum[s] + shift).max()))
            optimum[s], covariance[s], level_error[s] = new, inverse[1:, 1:], np.sqrt(inverse[0, 0])
        d = z - optimum[cell]
        form = shape.value(d)
        height = form * np.exp(x @ growth)
        growth = growth + _growth_step(x, height, target, weight, growth, means)
        excess = form * np.exp(x @ growth)
        level = np.bincount(cell, weight * (target - excess), n_cells) / total
        rest = np.where(failed, 0.0, y - excess - level[cell])
        freedom = max(1 - (n_cells * (k + 1) + 8) / len(y), 0.2)
        noise, roughness = _error_size(rest[~failed] ** 2 / freedom, excess[~failed], noise, roughness, usual)
        if turn > 8 and moved < STANDS:
            break
    covariance = covariance + np.where(np.any(at_edge(optimum, low, high), axis=0), half**2, 0.0)[:, None] * np.eye(k)
    return Bowls(
        optimum * unit,
        covariance * np.outer(unit, unit),
        level,
        level_error,
        shape,
        unit,
        growth,
        centre,
        noise,
        roughness,
        low * unit,
        high * unit,
    )


def at_edge(optimum: Floats, low: Floats, high: Floats) -> tuple[Mask, Mask]:
    """Return which optima are at the lowest value that was tried, or below, and which at the highest, or above [s, k].

    Args:
        optimum: [s, k].
        low: least value of each hyperparameter that was tried at a scale [s, k].
        high: the greatest [s, k].
    """
    near = NEAR * (high - low)
    return (high > low) & (optimum < low + near), (high > low) & (optimum > high - near)


def _units(z: Floats, rows: list[Indices]) -> Floats:
    """Return the median over scales of the standard deviation of what was tried; that of all runs if it is 0."""
    within = np.median([z[r].std(axis=0) for r in rows if len(r) > 1] or [z.std(axis=0)], axis=0)
    overall = np.where(z.std(axis=0) > 0, z.std(axis=0), 1.0)
    return np.where(within > 0, within, overall)


def _fit_shape(
    shape: Shape, terms: Floats, slopes: Floats, target: Floats, weight: Floats, means: Means
) -> tuple[Shape, Floats]:
    """Return the shape with the weights that fit best, the level of each scale being free, and a shift of all optima.

    Shape and shift are found together: one at a time they creep along a valley, since a steeper side looks much like
    an optimum that is further away. The prior is the round square that fits best alone.
    """
    root = np.sqrt(weight)
    n_terms, k = terms.shape[1], slopes.shape[1]
    free = np.column_stack([column - means(column) for column in np.hstack([terms, slopes, -slopes]).T]) * root[:, None]
    y = (target - means(target)) * root
    round_square = free[:, :k].sum(axis=1)
    usual = max(float(round_square @ y / (round_square @ round_square + 1e-300)), 1e-9)
    expected = np.zeros(free.shape[1])
    expected[:k] = usual
    pull = np.array([1 / (WEIGHTS * usual)] * n_terms + [1 / SHIFT] * (2 * k))
    weights, _ = nnls(np.concatenate([free, np.diag(pull)]), np.concatenate([y, pull * expected]), maxiter=1000)
    more, less = weights[n_terms : n_terms + k], weights[n_terms + k :]
    return Shape(shape.squares, shape.rates, weights[:n_terms]), np.clip(more - less, -0.3, 0.3)


def _growth_step(x: Floats, height: Floats, target: Floats, weight: Floats, growth: Floats, means: Means) -> Floats:
    """Return the step of Gauss and Newton for d log a / d log scale, with the prior N(0, GROWTH²)."""
    slopes = np.column_stack([column - means(column) for column in (height[:, None] * x).T])
    rest = target - height
    weighted = slopes.T * weight
    precision = weighted @ slopes + np.eye(len(growth)) / GROWTH**2
    step = np.linalg.solve(precision, weighted @ (rest - means(rest)) - growth / GROWTH**2)
    return np.asarray(np.clip(step, -0.2, 0.2))


def _error_size(squares: Floats, excess: Floats, noise: float, roughness: float, usual: float) -> tuple[float, float]:
    """Return σ and κ: squared errors regressed on squared excess, weighted by what their variance says, with priors."""
    for _ in range(3):
        root = 1 / (noise**2 + (roughness * excess) ** 2)
        sides = np.column_stack([root, root * excess**2])
        prior = np.sqrt(PRIOR_RUNS) / np.array([usual, USUAL_ROUGHNESS]) ** 2
        rows = np.concatenate([sides, np.diag(prior)])
        (flat, rough), _ = nnls(rows, np.concatenate([root * squares, [np.sqrt(PRIOR_RUNS)] * 2]))
        noise, roughness = max(float(np.sqrt(flat)), 0.1 * usual), float(np.clip(np.sqrt(rough), 0.01, 1.0))
    return noise, roughness
