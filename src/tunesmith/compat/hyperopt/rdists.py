"""The distributions of `hp.*` as objects with ``rvs``, as those of `scipy.stats` have it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.names import refuser


class Quantised:
    """A distribution rounded to multiples of q.

    Args:
        distribution: of `scipy.stats`, frozen.
        q: values are multiples of it.
    """

    def __init__(self, distribution: Any, q: float) -> None:
        self.distribution, self.q = distribution, q

    def rvs(self, size: Any = (), random_state: Any = None) -> Any:
        """Return random values, whole numbers if q is one.

        Args:
            size: the shape.
            random_state: as of `scipy.stats`.
        """
        steps = np.round(self.distribution.rvs(size=size, random_state=random_state) / self.q)
        return (steps.astype(int) if steps.ndim else int(steps)) * self.q

    def pmf(self, x: Any) -> Any:
        """Return the probability of values; 0 for those that are no multiple of q."""
        x = np.asarray(x, dtype=float)
        cdf, half = self.distribution.cdf, self.q / 2
        return np.where(np.isclose(np.round(x / self.q) * self.q, x), cdf(x + half) - cdf(x - half), 0.0)[()]

    def logpmf(self, x: Any) -> Any:
        """Return the logarithm of the probability of values."""
        with np.errstate(divide="ignore"):
            return np.log(self.pmf(x))


def loguniform_gen(low: float = 0, high: float = 1) -> Any:
    """Return the distribution of exp(u), u uniform between two numbers."""
    from scipy import stats

    return stats.loguniform(math.exp(low), math.exp(high))


def lognorm_gen(mu: float, sigma: float) -> Any:
    """Return the distribution of exp(z), z normal."""
    from scipy import stats

    return stats.lognorm(sigma, scale=math.exp(mu))


def quniform_gen(low: float, high: float, q: float) -> Quantised:
    """Return the distribution of a multiple of q, uniform before rounding."""
    from scipy import stats

    return Quantised(stats.uniform(low, high - low), q)


def qloguniform_gen(low: float, high: float, q: float) -> Quantised:
    """Return the distribution of a multiple of q, exp(u) before rounding."""
    return Quantised(loguniform_gen(low, high), q)


def qnormal_gen(mu: float, sigma: float, q: float) -> Quantised:
    """Return the distribution of a multiple of q, normal before rounding."""
    from scipy import stats

    return Quantised(stats.norm(mu, sigma), q)


def qlognormal_gen(mu: float, sigma: float, q: float) -> Quantised:
    """Return the distribution of a multiple of q, exp(z) before rounding."""
    return Quantised(lognorm_gen(mu, sigma), q)


__getattr__ = refuser(__name__)
