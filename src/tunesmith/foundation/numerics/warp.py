"""Monotone transforms of observed values that make them look normal.

Yeo-Johnson with the parameter λ by maximum likelihood (Yeo & Johnson, 2000, eq. 3.1), of the values or of their
logarithms; values that the transform would squash are left as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats

LAMBDA_RANGE = (-5.0, 7.0)  # of λ
MEAN_PARTS = 64  # of a distribution whose mean is wanted
MAX_ERROR_VARIANCE = 1e6  # of an error after the transform: such a value says nothing
LARGEST_EXPONENT = math.log(np.finfo(np.float64).max)
HUGE_VALUE = 1e300  # which no value that a model tells exceeds: means of such still are numbers
LAMBDA_GRIDS = (13, 9, 9)  # λ on each grid, which spans the neighbours of the best one before: 1/16 apart at last
LOW_PARTS = (0.1, 0.25, 0.5)  # shares of the values, the lowest, in units of whose range all of them may be measured
LEAST_SCALE = 1e-100  # of the largest size: values in a smaller one would overflow
LEAST_RIVAL_GAIN = 10.0  # log likelihood, by which such units have to be better than the usual ones to be worth a look


@dataclass(frozen=True, slots=True)
class Units:
    """Values are measured from a centre, by a scale. Both are told as shares of the largest size: nothing overflows."""

    size: float
    centre: float
    scale: float

    @classmethod
    def usual(cls, y: Floats) -> Units:
        """Return those in which y[n] has mean 0 and standard deviation 1; of constant ones the scale is 0."""
        size = float(np.max(np.abs(y), initial=0.0))
        if not size > 0.0:
            return cls(1.0, 0.0, 0.0)
        y = y / size
        mean = float(y.mean())
        sd = float((y - mean).std())
        return cls(size, mean, sd if sd > 1e-14 else 0.0)

    @classmethod
    def of_low_values(cls, y: Floats) -> Iterator[Units]:
        """Yield those in which a part of y[n], the lowest values, reaches from -1 to 0; y is not constant."""
        size = float(np.max(np.abs(y)))
        y = y / size
        low = float(y.min())
        for high in np.quantile(y, LOW_PARTS).tolist():
            if high - low > LEAST_SCALE:
                yield cls(size, high, high - low)

    def of(self, y: Floats) -> Floats:
        """Return values y [...] in these units."""
        return (y / self.size - self.centre) / self.scale if self.scale else np.zeros_like(y)

    def back(self, z: Floats) -> Floats:
        """Return the values [...] that are z [...] in these units."""
        with np.errstate(over="ignore"):
            y: Floats = (z * self.scale + self.centre) * self.size
        return y


def standardise(y: Floats) -> Floats:
    """Return y with mean 0 and standard deviation 1; zeros if it is constant. Values up to 1e300 do not overflow."""
    return Units.usual(y).of(y)


def yeo_johnson(y: Floats, lmbda: float) -> Floats:
    """Return the Yeo-Johnson transform of y (eq. 2.1 of the paper)."""
    out = np.empty_like(y)
    up = y >= 0
    plus, minus = np.log1p(y[up]), np.log1p(-y[~up])
    out[up] = plus if abs(lmbda) < 1e-8 else np.expm1(lmbda * plus) / lmbda
    other = 2.0 - lmbda
    out[~up] = -minus if abs(other) < 1e-8 else -np.expm1(other * minus) / other
    return out


def best_lambda(y: Floats) -> tuple[float, float]:
    """Return the λ of the Yeo-Johnson transform of y[n] by maximum likelihood, in [-5, 7], and the log likelihood.

    Searched on ever finer grids: all λ of a grid at once take less time than a line search, one λ after another.
    """
    size = np.log1p(np.abs(y))
    jacobian = float((np.sign(y) * size).sum())
    up, down = size[y >= 0], size[y < 0]
    lmbda = np.linspace(*LAMBDA_RANGE, LAMBDA_GRIDS[0])
    score = _scores(lmbda, up, down, jacobian)
    for count in LAMBDA_GRIDS[1:]:
        at = int(score.argmin())
        lmbda = np.linspace(lmbda[max(at - 1, 0)], lmbda[min(at + 1, len(lmbda) - 1)], count)
        score = _scores(lmbda, up, down, jacobian)
    at = int(score.argmin())
    if not 0 < at < len(lmbda) - 1:
        return float(lmbda[at]), -float(score[at])
    left, middle, right = score[at - 1 : at + 2]  # the top of the parabola through the best one and its neighbours
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0.0 else 0.0
    return float(lmbda[at] + shift * (lmbda[1] - lmbda[0])), -float(middle)


def _scores(lmbda: Floats, up: Floats, down: Floats, jacobian: float) -> Floats:
    """Minus the profile log likelihood of each λ[l], per the papers; the transform of y is taken as normal.

    Args:
        lmbda: the λ.
        up: log(1 + y) of the values y >= 0.
        down: log(1 - y) of the others.
        jacobian: the sum of sign(y) log(1 + |y|).
    """
    a = np.where(np.abs(lmbda) < 1e-8, 1e-8, lmbda)[:, None]
    b = np.where(np.abs(2.0 - lmbda) < 1e-8, 1e-8, 2.0 - lmbda)[:, None]
    n = len(up) + len(down)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        t = np.concatenate([np.expm1(a * up) / a, -np.expm1(b * down) / b], axis=1)
        score = 0.5 * n * np.log(t.var(axis=1)) - (lmbda - 1.0) * jacobian
    return np.where(np.isfinite(score), score, 1e300)


def inverse_yeo_johnson(t: Floats, lmbda: float) -> Floats:
    """Return the values whose Yeo-Johnson transform is t; infinite where t lies beyond what the transform reaches."""
    out = np.empty_like(t)
    up = t >= 0
    other = 2.0 - lmbda
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        plus, minus = np.maximum(lmbda * t[up], -1.0), np.maximum(-other * t[~up], -1.0)
        out[up] = np.expm1(t[up] if abs(lmbda) < 1e-8 else np.log1p(plus) / lmbda)
        out[~up] = -np.expm1(-t[~up] if abs(other) < 1e-8 else np.log1p(minus) / other)
    return out


class Warp:
    """A transform that makes values look normal (Yeo-Johnson of the values in some units), with its inverse.

    Measured by their standard deviation, values among which a few are very large all look the same; in units of the
    lowest ones they do not. Which of the two is better is for the process to say that has to explain them.

    Args:
        y: the finite values [n] that it is fitted to.
        log: whether their logarithms are transformed; all are positive then.
        low: whether to measure in units of the lowest values, those that are likeliest, where they are likelier.

    Attributes:
        values: what they become [n], standardised again; order is kept, ties stay ties.
    """

    def __init__(self, y: Floats, log: bool = False, low: bool = False) -> None:
        self._log, self._given = log, y
        if log:
            y = np.log(y)
        self._y = y
        self._lambda: float | None = None
        self._after = (0.0, 1.0)
        self._likelihood: float | None = None
        self._units = usual = Units.usual(y)
        self.values = z = usual.of(y)
        if len(y) < 3 or not z.any():
            return
        chosen, (lmbda, likelihood) = usual, best_lambda(z)
        for units, other, found in self._in_low_units() if low else ():
            if found > likelihood:
                chosen, lmbda, likelihood = units, other, found
        self._likelihood = likelihood
        t = yeo_johnson(chosen.of(y), lmbda)
        if np.all(np.isfinite(t)) and t.std() > 1e-6:
            self._units, self._lambda, self._after = chosen, lmbda, (float(t.mean()), float(t.std()))
            self.values = standardise(t)

    def _in_low_units(self) -> Iterator[tuple[Units, float, float]]:
        """Yield units of the lowest values, the best λ in them, and the log likelihood, by the usual units."""
        scale = Units.usual(self._y).scale
        for units in Units.of_low_values(self._y):
            lmbda, likelihood = best_lambda(units.of(self._y))
            yield units, lmbda, likelihood - len(self._y) * math.log(units.scale / scale)

    @cached_property
    def has_rival(self) -> bool:
        """Whether in units of the lowest values they would look clearly more normal."""
        if self._likelihood is None:  # there is no transform
            return False
        least = self._likelihood + LEAST_RIVAL_GAIN
        return any(found > least for _, _, found in self._in_low_units())

    def log_density(self) -> Floats:
        """Return the log of the density of each value [n] where what it becomes has the density 1."""
        z, units = self._units.of(self._y), self._units
        bend = 0.0 if self._lambda is None else self._lambda - 1.0
        scale = math.log(units.size) + math.log(units.scale) + math.log(self._after[1])
        slopes: Floats = bend * np.sign(z) * np.log1p(np.abs(z)) - scale
        return slopes

    def forward(self, y: Floats) -> Floats:
        """Return what values y [...] become, those that it was not fitted to among them."""
        if not self.values.any():
            return np.zeros_like(y)
        if self._log:
            y = np.log(np.maximum(y, np.finfo(np.float64).tiny))
        z = self._units.of(y)
        if self._lambda is not None:
            z = yeo_johnson(z, self._lambda)
        t: Floats = (z - self._after[0]) / self._after[1]
        return t

    def variances(self, sd: Floats) -> Floats:
        """Return the variances [n] that errors with these standard deviations [n] have after the transform.

        The transform is steeper where values are low, so the same error weighs more there: half of what a value changes
        by from one standard deviation below to one above is the new one.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            half = (self.forward(self._given + sd) - self.forward(self._given - sd)) / 2.0
            return np.fmin(np.square(half), MAX_ERROR_VARIANCE)

    def inverse(self, t: Floats) -> Floats:
        """Return the values [...] that t [...] stands for, at most their own range beyond those it was fitted to."""
        low, high = float(self._y.min()), float(self._y.max())
        if not self.values.any():
            return np.full_like(t, math.exp(low) if self._log else low)
        z = t * self._after[1] + self._after[0]
        if self._lambda is not None:
            z = inverse_yeo_johnson(z, self._lambda)
        y = self._units.back(z)
        y = np.clip(y, max(low - (high - low), -HUGE_VALUE), min(high + (high - low), HUGE_VALUE))
        return np.exp(np.minimum(y, LARGEST_EXPONENT)) if self._log else y

    def expected(self, mean: Floats, sd: float) -> Floats:
        """Return the expectation [n] of the value that a normal variable of these means [n] and this sd stands for.

        Gauss-Hermite quadrature with 15 nodes: the inverse of a mean is not the mean of the inverse.
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(15)
        values: Floats = self.inverse(mean[:, None] + sd * nodes[None, :]) @ (weights / weights.sum())
        return values

    def average(self, mean: Floats, sd: Floats) -> Floats:
        """Return the same for sds [n], as the mean over parts of the same probability: smooth where `inverse` bends."""
        return self._below(mean, sd, np.ones(len(mean)))

    def improvement(self, mean: Floats, sd: Floats, best: float) -> Floats:
        """Return how far below `best` such a variable is expected to be, where it is below, in the values' units [n].

        Args:
            mean: means [n] of what values become.
            sd: standard deviations [n].
            best: what the best value becomes.
        """
        from scipy.special import ndtr

        share = ndtr((best - mean) / sd)
        gain = self.inverse(np.array([best])) - self._below(mean, sd, share)
        found: Floats = share * np.maximum(gain, 0.0)
        return found

    def _below(self, mean: Floats, sd: Floats, share: Floats) -> Floats:
        """Return the mean [n] of the values that the lowest share[n] of normal variables stands for."""
        from scipy.special import ndtri

        parts = (np.arange(MEAN_PARTS) + 0.5) / MEAN_PARTS
        found: Floats = self.inverse(mean[:, None] + sd[:, None] * ndtri(share[:, None] * parts)).mean(axis=1)
        return found
