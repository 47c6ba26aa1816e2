"""What earlier tasks say about a new one: values made comparable by ranks, and how much each task counts.

Symbols: n rows of the new task, S earlier tasks, t[n] the new task's standardised values, m[n, S] what the models of
the earlier tasks predict there, K[n, n] the covariance of the new task's own Gaussian process, b[S] weights.

Values are replaced by the normal quantiles of their ranks, so that tasks with other units and skews agree
(Bardenet et al., ICML 2013; Salinas, Shen & Perrone, ICML 2020). The new task is t = m b + f, with f a Gaussian
process and a normal prior on b: the posterior mean of b (Rasmussen & Williams, 2006, section 2.7) is near its prior
while there are few rows, and near zero when the earlier task turns out to say something else.
"""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.gp import matern52, square_distances


def normal_quantiles(y: Floats) -> Floats:
    """Return the normal quantile [n] of each value's rank, (rank - ½) / n; ties share their mean rank.

    Args:
        y: values [n], infinities allowed; NaN counts as the worst (largest) of all.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    if not len(y):
        return np.empty(0)
    _, place = np.unique(y, return_inverse=True)  # NaN come last, as one value
    return np.asarray(ndtri((rankdata(place) - 0.5) / len(y)))


def best_and_spread(q: Floats, k: int) -> Indices:
    """Return at most k rows of q[n], in order: half of them the best, the others evenly spread over the other ranks."""
    n = len(q)
    if n <= k:
        return np.arange(n)
    order = np.argsort(q, kind="stable")
    best = k // 2
    rest = np.linspace(best, n - 1, k - best).round().astype(np.intp)
    return np.sort(order[np.concatenate([np.arange(best), rest])])


def weights(t: Floats, m: Floats, factor: Floats, mean: float, sd: float) -> Floats:
    """Return how much each earlier task counts, b[S] >= 0.

    Args:
        t: standardised values [n].
        m: predictions of the earlier tasks [n, S], centred.
        factor: lower Cholesky factor of K[n, n].
        mean: prior mean of the sum of b.
        sd: prior standard deviation of each weight.
    """
    from scipy.linalg import solve_triangular

    s = m.shape[1]
    b = np.zeros(s)
    a, v = m, t
    if len(t):  # older SciPy refuses a system without rows
        a = solve_triangular(factor, m, lower=True, check_finite=False)
        v = solve_triangular(factor, t, lower=True, check_finite=False)
    precision = a.T @ a + np.eye(s) / sd**2
    target = a.T @ v + mean / s / sd**2
    used = np.ones(s, bool)
    while used.any():  # a task that would count negatively is left out, and the others are weighed again
        b[:] = 0.0
        b[used] = np.linalg.solve(precision[np.ix_(used, used)], target[used])
        if (b >= 0.0).all():
            break
        used &= b >= 0.0
        b[~used] = 0.0
    return b


class PosteriorMean:
    """The posterior mean of a Gaussian process, without its variance: a sum of kernels.

    Args:
        a: scaled features of the observations [n, F].
        alpha: their weights [n].
        scale: reciprocal lengthscale of each feature [F].
    """

    def __init__(self, a: Floats, alpha: Floats, scale: Floats) -> None:
        self.a, self.alpha, self.scale = a, alpha, scale

    def value(self, z: Floats) -> Floats:
        """Return the mean [q] at features z[q, F]."""
        result: Floats = self.alpha @ matern52(square_distances(self.a, z * self.scale))[0]
        return result

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the mean [q] and its gradient [q, F]."""
        b = z * self.scale
        k, e = matern52(square_distances(self.a, b))
        e *= -5.0 / 3.0 * self.alpha[:, None]  # ∂k/∂b = -5/3 e (b - a)
        return self.alpha @ k, (e.sum(axis=0)[:, None] * b - e.T @ self.a) * self.scale
