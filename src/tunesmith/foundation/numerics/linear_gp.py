"""A Gaussian process whose mean is linear in some regressors, with a normal prior on their coefficients.

Symbols: n observations, F features z[n, F] in groups that share a lengthscale, p regressors h[n, p], y[n] values;
y = h b + f(z) + e with b ~ N(b0, B), f of variance a² and Matérn-5/2 correlation k, e of variance a² s². Everything is
normal, so b is never estimated and plugged in: with C = a² (k + s² I) + H B Hᵀ and α = C⁻¹ (y - H b0), a prediction has
the mean h b0 + (a² k* + h B Hᵀ) α, and a variance that holds the doubt about b (Rasmussen & Williams, 2006, 2.7).
"""

from __future__ import annotations

import math

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.gp import matern52, square_distances


class LinearGP:
    """The process conditioned on observations; there may be none of them.

    Args:
        z: features [n, F].
        g: group of each feature [F].
        h: regressors [n, p].
        y: values [n].
        theta: logarithms of the lengthscales of the groups, and of s², [G + 1].
        amplitude: a.
        b_mean: b0 [p].
        b_cov: B [p, p].

    Attributes:
        slope: posterior mean of b [p].
        noise: variance of e.
    """

    def __init__(
        self,
        z: Floats,
        g: Indices,
        h: Floats,
        y: Floats,
        theta: Floats,
        amplitude: float,
        b_mean: Floats,
        b_cov: Floats,
    ) -> None:
        from scipy.linalg import lapack

        self._scale: Floats = np.exp(-theta[:-1])[g]
        self._variance = amplitude * amplitude
        self.noise = self._variance * math.exp(theta[-1])
        self._b_mean, self._b_cov = b_mean, b_cov
        self._a: Floats = z * self._scale
        self._h, self._n = h, len(y)
        self._hb: Floats = h @ b_cov
        c = self._variance * matern52(square_distances(self._a, self._a))[0] + self._hb @ h.T
        c.flat[:: self._n + 1] += self.noise
        jitter, info = 1e-10 * self._variance, 1
        factor = c
        while info != 0:  # ends: the diagonal grows until it dominates
            c.flat[:: self._n + 1] += jitter
            factor, info = lapack.dpotrf(c, lower=1, clean=1) if self._n else (c, 0)
            jitter *= 10.0
        self._factor: Floats = factor
        r = y - h @ b_mean
        self._alpha: Floats = lapack.dpotrs(factor, r, lower=1)[0] if self._n else r
        self.slope: Floats = b_mean + self._hb.T @ self._alpha

    def predict(self, z: Floats, h: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance, noise not included, [q] each, at features z[q, F] and regressors h[q, p]."""
        from scipy.linalg.blas import dtrsm

        hb = h @ self._b_cov
        variance = self._variance + np.einsum("ij,ij->i", hb, h)
        mean = h @ self._b_mean
        if self._n:
            c = matern52(square_distances(z * self._scale, self._a))[0]
            c *= self._variance
            c += hb @ self._h.T
            mean = mean + c @ self._alpha
            v = dtrsm(1.0, self._factor, c.T, lower=1, overwrite_b=1)
            variance = variance - np.einsum("ij,ij->j", v, v)
        return mean, np.maximum(variance, 1e-12 * self._variance)
