"""Gaussian-process regression with a Matérn-5/2 kernel of unit variance, fitted by maximum a posteriori.

Symbols: n observations, F features in G groups that share a lengthscale each, z[n, F] features, g[F] the group of a
feature, y[n] standardised values, ℓ[G] lengthscales, s² noise variance, θ = (ln ℓ, ln s²); K = k(r) + s² I = L Lᵀ,
α = K⁻¹ y. Minus the log posterior of θ is ½ yᵀα + Σ ln L_ii + ½ Σ (θ - m)² / v (Rasmussen & Williams, 2006, eq. 2.30
and 5.9; the prior on ln ℓ grows with the dimension, Hvarfner, Hellsten & Nardi, ICML 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.kernel import Floats, matern52, square_distances

Groups = NDArray[np.intp]
_HUGE = 1e25


@dataclass(frozen=True, slots=True)
class Prior:
    """Normal priors on the logarithms of lengthscales and noise variance, and the box that θ is searched in.

    Attributes:
        scale_mean: mean of ln ℓ in one dimension; ½ ln G is added.
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

    def moments(self, groups: int) -> tuple[Floats, Floats]:
        """Return means and variances of θ[G + 1]."""
        mean = np.full(groups + 1, self.scale_mean + 0.5 * math.log(groups))
        var = np.full(groups + 1, self.scale_var)
        mean[-1], var[-1] = self.noise_mean, self.noise_var
        return mean, var

    def box(self, groups: int) -> list[tuple[float, float]]:
        """Return the bounds of each element of θ[G + 1]."""
        pairs = [self.scale_bounds] * groups + [self.noise_bounds]
        return [(math.log(low), math.log(high)) for low, high in pairs]


def objective(theta: Floats, z: Floats, g: Groups, y: Floats, mean: Floats, var: Floats) -> tuple[float, Floats]:
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
    """
    from scipy.linalg import lapack

    n, groups = len(y), len(theta) - 1
    noise = math.exp(theta[-1])
    a = z * np.exp(-theta[:-1])[g]
    k, e = matern52(square_distances(a, a))
    k.flat[:: n + 1] = 1.0 + noise
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


def fit(z: Floats, g: Groups, y: Floats, prior: Prior | None = None, max_iter: int = 25) -> Floats:
    """Return the θ[G + 1] of the better of two searches (L-BFGS-B) that start near the prior's mode and at ℓ = ½.

    The starts are fixed: the result is a function of the data alone, not of earlier fits.
    """
    from scipy.optimize import minimize

    prior = prior or Prior()
    groups = int(g.max()) + 1
    mean, var = prior.moments(groups)
    box = prior.box(groups)
    low, high = np.array([b[0] for b in box]), np.array([b[1] for b in box])
    best_value, best = math.inf, np.clip(mean, low, high)
    for scale in (mean[0], math.log(0.5)):
        start = np.full(groups + 1, scale)
        start[-1] = prior.noise_mean
        found = minimize(
            objective,
            np.clip(start, low, high),
            args=(z, g, y, mean, var),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            options={"maxiter": max_iter, "maxfun": max_iter + 15},
        )
        if found.fun < best_value and np.all(np.isfinite(found.x)):
            best_value, best = float(found.fun), np.asarray(found.x, float)
    return best


class Posterior:
    """A Gaussian process conditioned on observations.

    Args:
        z: features [n, F].
        g: group of each feature [F].
        y: standardised values [n].
        theta: θ[G + 1].
        pending: features [p, F] of points that run: their value is taken to be the posterior mean, which leaves the
            mean everywhere as it is and shrinks the variance near them.
    """

    def __init__(self, z: Floats, g: Groups, y: Floats, theta: Floats, pending: Floats | None = None) -> None:
        from scipy.linalg import lapack

        self.noise = math.exp(theta[-1])
        self.scale: Floats = np.exp(-theta[:-1])[g]
        self.a: Floats = z * self.scale
        n = len(y)
        k, _ = matern52(square_distances(self.a, self.a))
        k.flat[:: n + 1] = 1.0 + self.noise
        factor, info = lapack.dpotrf(k, lower=1, clean=1)
        jitter = 1e-8
        while info != 0:  # ends: the diagonal grows until it dominates
            k.flat[:: n + 1] = 1.0 + self.noise + jitter
            factor, info = lapack.dpotrf(k, lower=1, clean=1)
            jitter *= 10.0
        self.factor: Floats = factor
        self.alpha: Floats = lapack.dpotrs(factor, y, lower=1)[0]
        self.fitted: Floats = y - self.noise * self.alpha  # posterior mean at the observations
        self._basis, self._factor = self.a, self.factor
        if pending is not None and len(pending):
            self._extend(pending * self.scale)

    def _extend(self, b: Floats) -> None:
        """Add rows to the points that the variance is conditioned on, by blocks of the Cholesky factor."""
        from scipy.linalg import solve_triangular

        n, p = len(self.a), len(b)
        cross = solve_triangular(self.factor, matern52(square_distances(self.a, b))[0], lower=True, check_finite=False)
        own, _ = matern52(square_distances(b, b))
        own.flat[:: p + 1] = 1.0 + self.noise + 1e-8
        factor = np.zeros((n + p, n + p))
        factor[:n, :n] = self.factor
        factor[n:, :n] = cross.T
        factor[n:, n:] = np.linalg.cholesky(own - cross.T @ cross + 1e-10 * np.eye(p))
        self._basis, self._factor = np.concatenate([self.a, b]), np.asfortranarray(factor)

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance (without noise) of the function at features z[q, F], shape [q] each."""
        from scipy.linalg.blas import dtrsm

        k, _ = matern52(square_distances(self._basis, z * self.scale))
        mean = self.alpha @ k[: len(self.alpha)]
        v = dtrsm(1.0, self._factor, np.asfortranarray(k), lower=1, overwrite_b=1)
        return mean, np.maximum(1.0 - np.einsum("ij,ij->j", v, v), 1e-12)

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
