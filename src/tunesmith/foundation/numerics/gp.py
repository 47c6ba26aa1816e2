"""Gaussian-process regression with a Matérn-5/2 kernel of unit variance, fitted by maximum a posteriori.

Symbols: n observations, F features in G groups that share a lengthscale each, z[n, F] features, g[F] the group of a
feature, y[n] standardised values, ℓ[G] lengthscales, s² noise variance, θ = (ln ℓ, ln s²); K = k(r) + s² I = L Lᵀ,
α = K⁻¹ y. Minus the log posterior of θ is ½ yᵀα + Σ ln L_ii + ½ Σ (θ - m)² / v (Rasmussen & Williams, 2006, eq. 2.30
and 5.9; the prior on ln ℓ grows with the dimension, Hvarfner, Hellsten & Nardi, ICML 2024).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices

# -- the Matérn-5/2 kernel on scaled features -------------------------------------------------------------------------
#
# Symbols: a point's features z[F] are divided by the lengthscales of their groups, giving a = z / ℓ; r is the Euclidean
# distance of two such rows; k(r) = (1 + √5 r + 5/3 r²) exp(-√5 r) (Rasmussen & Williams, 2006, eq. 4.17).

ROOT5 = math.sqrt(5.0)


def square_distances(a: Floats, b: Floats) -> Floats:
    """Return r²[n, q] between rows of a[n, F] and b[q, F], by one matrix product."""
    r2 = a @ b.T
    r2 *= -2.0
    r2 += np.einsum("ij,ij->i", a, a)[:, None]
    r2 += np.einsum("ij,ij->i", b, b)
    return np.maximum(r2, 0.0, out=r2)


def matern52(r2: Floats) -> tuple[Floats, Floats]:
    """Return k(r) and e(r) = (1 + √5 r) exp(-√5 r), both shaped as r².

    The slope is ∂k/∂r² = -5/6 e(r): finite at r = 0, which is why it is taken with respect to r² and not r.
    """
    r = np.sqrt(r2)
    r *= ROOT5
    decay = np.exp(-r)
    r += 1.0
    e = r * decay
    k = np.multiply(r2, 5.0 / 3.0, out=r)
    k *= decay
    k += e
    return k, e


# -- the process ------------------------------------------------------------------------------------------------------

_HUGE = 1e25
# Numbers in one matrix of covariances with many points: larger ones are fetched from the system anew.
COVARIANCE_BLOCK = 16_000
MAX_THETA_ITERATIONS = 25  # of each search for θ
THETA_DECIMALS = 3  # of ln ℓ and ln s²: far below their uncertainty, far above what last bits make of a fit
# Of minus the log posterior, relative: what is left then moves ln ℓ by hundredths of its uncertainty.
POSTERIOR_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Prior:
    """Normal priors on the logarithms of lengthscales and noise variance, and the box that θ is searched in.

    Attributes:
        scale_mean: mean of ln ℓ in one dimension; ½ ln G is added.
        scale_offsets: what else is added to it, for each group; none: nothing.
        scale_var: variance of ln ℓ.
        noise_mean: mean of ln s². noise_var: its variance.
        scale_bounds: box of ℓ. noise_bounds: box of s².
    """

    scale_mean: float = math.sqrt(2.0)
    scale_var: float = 3.0
    noise_mean: float = -4.0
    noise_var: float = 1.0
    scale_bounds: tuple[float, float] = (0.025, 100.0)
    noise_bounds: tuple[float, float] = (1e-4, 1.0)
    scale_offsets: tuple[float, ...] = ()

    def moments(self, groups: int) -> tuple[Floats, Floats]:
        """Return means and variances of θ[G + 1]."""
        mean = np.full(groups + 1, self.scale_mean + 0.5 * math.log(groups))
        mean[: len(self.scale_offsets)] += self.scale_offsets
        var = np.full(groups + 1, self.scale_var)
        mean[-1], var[-1] = self.noise_mean, self.noise_var
        return mean, var

    def box(self, groups: int) -> list[tuple[float, float]]:
        """Return the bounds of each element of θ[G + 1]."""
        pairs = [self.scale_bounds] * groups + [self.noise_bounds]
        return [(math.log(low), math.log(high)) for low, high in pairs]


def objective(
    theta: Floats, z: Floats, g: Indices, y: Floats, mean: Floats, var: Floats, known: Floats | float = 0.0
) -> tuple[float, Floats]:
    """Return minus the log posterior of θ (up to a constant) and its gradient.

    No array of shape [n, n, F] is made: with W = (ααᵀ - K⁻¹) ∘ ∂k/∂r² and w = W 1, the sum of
    W_ab (a_af - a_bf)² over all pairs is 2 (wᵀ a² - Σ a ∘ (W a)).

    Args:
        theta: θ[G + 1].
        z: features [n, F].
        g: group of each feature [F].
        y: standardised values [n].
        mean: prior means [G + 1].
        var: prior variances [G + 1].
        known: variance of each observation [n] that is known beforehand, and adds to s².
    """
    from scipy.linalg import lapack

    n, groups = len(y), len(theta) - 1
    noise = math.exp(theta[-1])
    a = z * np.exp(-theta[:-1])[g]
    k, e = matern52(square_distances(a, a))
    k.flat[:: n + 1] = 1.0 + noise + known
    factor, info = lapack.dpotrf(k.T, lower=1, overwrite_a=1, clean=1)  # k.T: in the column order that LAPACK takes
    if info != 0:
        return _HUGE, np.zeros_like(theta)
    alpha = lapack.dpotrs(factor, y, lower=1)[0]
    half_log_det = float(np.log(factor.diagonal()).sum())
    lower = lapack.dpotri(factor, lower=1, overwrite_c=1)[0]  # its upper triangle is zero (clean=1 above)
    inverse = lower + lower.T
    inverse.flat[:: n + 1] *= 0.5
    w = np.multiply.outer(alpha, alpha)
    w -= inverse
    trace = float(w.trace())
    w *= e
    pull = 2.0 * (w.sum(axis=1) @ (a * a) - np.einsum("ij,ij->j", a, w @ a))  # [F]
    gradient = np.empty_like(theta)
    gradient[:-1] = -5.0 / 6.0 * np.bincount(g, pull, minlength=groups)
    gradient[-1] = -0.5 * trace * noise
    off = theta - mean
    value = 0.5 * float(y @ alpha) + half_log_det + 0.5 * float((off * off / var).sum())
    gradient += off / var
    return value, gradient


def fit(
    z: Floats,
    g: Indices,
    y: Floats,
    prior: Prior | None = None,
    starts: Sequence[Floats] | None = None,
    known: Floats | float = 0.0,
) -> Floats:
    """Return the θ[G + 1] of the best of some searches (L-BFGS-B).

    Args:
        z: features [n, F].
        g: group of each feature [F].
        y: standardised values [n].
        prior: of θ.
        starts: where they start, [G + 1] each; by default `fixed_starts`, and the result is then a function of
            the data alone.
        known: variance of each observation [n] that is known beforehand, and adds to s².
    """
    from scipy.optimize import minimize

    prior = prior or Prior()
    groups = int(g.max()) + 1
    mean, var = prior.moments(groups)
    box = prior.box(groups)
    low, high = np.array([b[0] for b in box]), np.array([b[1] for b in box])
    best_value, best = math.inf, np.clip(mean, low, high)
    for start in fixed_starts(g, prior) if starts is None else starts:
        found = minimize(
            objective,
            np.clip(start, low, high),
            args=(z, g, y, mean, var, known),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            options={"maxiter": MAX_THETA_ITERATIONS, "maxfun": MAX_THETA_ITERATIONS + 15, "ftol": POSTERIOR_TOLERANCE},
        )
        if found.fun < best_value and np.all(np.isfinite(found.x)):
            best_value, best = float(found.fun), np.asarray(found.x, float)
    return np.clip(np.round(best, THETA_DECIMALS), low, high)


def fixed_starts(g: Indices, prior: Prior) -> list[Floats]:
    """Return where a search for θ[G + 1] starts when nothing is known: near the prior's mode, and at ℓ = ½."""
    groups = int(g.max()) + 1
    scales = (prior.moments(groups)[0][:-1], np.full(groups, math.log(0.5)))
    return [np.append(scale, prior.noise_mean) for scale in scales]


@dataclass(slots=True)
class Kept:
    """What a process without pending points predicts at features z[q, F]: mean and variance [q].

    `alpha` tells the process; v[q, n] = (L⁻¹ k)ᵀ is made when pending points first ask for it.
    """

    z: Floats
    alpha: Floats
    mean: Floats
    variance: Floats
    v: Floats | None = None


class Posterior:
    """A Gaussian process conditioned on observations.

    Args:
        z: features [n, F].
        g: group of each feature [F].
        y: standardised values [n].
        theta: θ[G + 1].
        known: variance of each observation [n] that is known beforehand, and adds to s².

    Attributes:
        noise: s².
        errors: the variance of each observation's error [n], or that of all: s² and what is known.
    """

    def __init__(self, z: Floats, g: Indices, y: Floats, theta: Floats, known: Floats | float = 0.0) -> None:
        from scipy.linalg import lapack

        self.noise = math.exp(theta[-1])
        self.errors: Floats | float = self.noise + known
        self.scale: Floats = np.exp(-theta[:-1])[g]
        self.a: Floats = z * self.scale
        n = len(y)
        k, _ = matern52(square_distances(self.a, self.a))
        k.flat[:: n + 1] = 1.0 + self.errors
        factor, info = lapack.dpotrf(k, lower=1, clean=1)
        jitter = 1e-8
        while info != 0:  # ends: the diagonal grows until it dominates
            k.flat[:: n + 1] = 1.0 + self.errors + jitter
            factor, info = lapack.dpotrf(k, lower=1, clean=1)
            jitter *= 10.0
        self.factor: Floats = factor
        self.alpha: Floats = lapack.dpotrs(factor, y, lower=1)[0]
        self.fitted: Floats = y - self.errors * self.alpha  # posterior mean at the observations
        self._basis, self._factor = self.a, self.factor
        self._kept: Kept | None = None

    def _extend(self, b: Floats) -> None:
        """Add rows to the points that the variance is conditioned on, by blocks of the Cholesky factor."""
        n, p = len(self.a), len(b)
        cross = _solved(self.factor, matern52(square_distances(b, self.a))[0])
        own, _ = matern52(square_distances(b, b))
        own.flat[:: p + 1] = 1.0 + float(np.median(self.errors)) + 1e-8
        factor = np.zeros((n + p, n + p), order="F")
        factor[:n, :n] = self.factor
        factor[n:, :n] = cross
        factor[n:, n:] = np.linalg.cholesky(own - cross @ cross.T + 1e-10 * np.eye(p))
        self._basis, self._factor = np.concatenate([self.a, b]), factor

    def given(self, pending: Floats) -> Posterior:
        """Return the process with points that run, features [p, F]; this one has none.

        Their value is taken to be the posterior mean: the mean stays as it is, and the variance shrinks near them.
        """
        if not len(pending):
            return self
        extended = copy.copy(self)
        extended._extend(pending * self.scale)
        return extended

    def remember(self, z: Floats) -> None:
        """Keep what is predicted at features z[q, F], for this process and those made of it by `given`; no pending.

        Only the very same array is recognised. With p pending points a prediction there costs O(q n p), not O(q n²).
        """
        self._kept = None
        self._kept = Kept(z, self.alpha, *self.predict(z))

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance (without noise) of the function at features z[q, F], shape [q] each."""
        if self._kept is not None and self._kept.z is z and self._kept.alpha is self.alpha:
            return self._kept.mean, self._remembered(self._kept)
        n = len(self.alpha)
        mean, variance = np.empty(len(z)), np.empty(len(z))
        step = max(16, COVARIANCE_BLOCK // len(self._basis))
        for at in range(0, len(z), step):
            part = slice(at, at + step)
            k, _ = matern52(square_distances(z[part] * self.scale, self._basis))
            mean[part] = k[:, :n] @ self.alpha
            variance[part] = 1.0 - _square_sums(_solved(self._factor, k))
        return mean, np.maximum(variance, 1e-12, out=variance)

    def _remembered(self, kept: Kept) -> Floats:
        """Return the variance [q] at remembered points: what the pending ones explain is taken off what it was."""
        n = len(self.a)
        if len(self._basis) == n:
            return kept.variance
        a = kept.z * self.scale
        if kept.v is None:
            kept.v = _solved(self.factor, matern52(square_distances(a, self.a))[0])
        k, _ = matern52(square_distances(a, self._basis[n:]))
        k -= kept.v @ self._factor[n:, :n].T
        w = _solved(np.asfortranarray(self._factor[n:, n:]), k)
        return np.maximum(kept.variance - _square_sums(w), 1e-12)

    def covariance(self, z: Floats) -> Floats:
        """Return the covariances [q, q] of the function, without noise, at features z[q, F]; no pending points."""
        from scipy.linalg import solve_triangular

        b = z * self.scale
        v = solve_triangular(self.factor, matern52(square_distances(self.a, b))[0], lower=True, check_finite=False)
        own: Floats = matern52(square_distances(b, b))[0] - v.T @ v
        own.flat[:: len(b) + 1] = np.maximum(own.diagonal(), 1e-12)
        return own

    def leave_one_out(self, y: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance (with noise) [n] of each observation y[n] given all others (eq. 5.12)."""
        from scipy.linalg import lapack

        inverse = lapack.dpotri(self.factor, lower=1)[0].diagonal()
        return y - self.alpha / inverse, 1.0 / inverse

    def predict_gradient(self, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return mean[q], variance[q] and their gradients [q, F] with respect to the features z[q, F]."""
        from scipy.linalg.blas import dtrsm

        a = z * self.scale
        k, e = matern52(square_distances(self._basis, a))
        n = len(self.alpha)
        mean = self.alpha @ k[:n]
        v = dtrsm(1.0, self._factor, np.asfortranarray(k), lower=1)
        variance = np.maximum(1.0 - np.einsum("ij,ij->j", v, v), 1e-12)
        b = dtrsm(1.0, self._factor, v, lower=1, trans_a=1, overwrite_b=1)  # K⁻¹ k
        e *= -5.0 / 3.0  # ∂k/∂a = -5/3 e (a - a_i)
        wm = self.alpha[:, None] * e[:n]
        wv = b * e
        d_mean = (wm.sum(axis=0)[:, None] * a - wm.T @ self._basis[:n]) * self.scale
        d_variance = -2.0 * (wv.sum(axis=0)[:, None] * a - wv.T @ self._basis) * self.scale
        return mean, variance, d_mean, d_variance


def _solved(factor: Floats, k: Floats) -> Floats:
    """Return (L⁻¹ kᵀ)ᵀ[q, n] of covariances k[q, n], in their place."""
    from scipy.linalg.blas import dtrsm

    solved: Floats = dtrsm(1.0, factor, k.T, lower=1, overwrite_b=1).T  # k.T: in the column order that BLAS takes
    return solved


def _square_sums(v: Floats) -> Floats:
    """Return the sum of squares of each row of v[q, n]."""
    sums: Floats = np.einsum("ij,ij->i", v, v)
    return sums
