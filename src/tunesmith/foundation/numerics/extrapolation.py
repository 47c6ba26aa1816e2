"""Extrapolation of learning curves from their beginnings.

After Domhan, Springenberg and Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
Extrapolation of Learning Curves", IJCAI 2015. As there, several families of curves are averaged by how well each
explains what was seen. There their parameters are sampled by Markov chains, for seconds; here only the two that a curve
is linear in are free, the others stand on a grid, and so each family's posterior is a formula. What earlier curves of
the same problem looked like is the prior.

Symbols: m earlier curves; k points of each; F shapes (a family with its shape parameters).
    u  float[k], [.]  how far a point is, from 1 at the first step; U at the end
    z  float[m, k]    values of the curves at the points
    p  float[F, k]    the shapes there, 1 at u = 1 and 0 at u = U: z = a + b p + noise, and a is the value at the end
    w  float[F, m, k] weights of the points, below 1 for those far off the curve
    a, b  float[F, m] of the curves
    v  float[F]       variances of the noise
    mean, precision   of the prior over (a, b): float[F, 2], float[F, 2, 2]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CURVE_POWERS = np.array([0.25, 0.5, 0.75, 1.0, 1.5])
CURVE_RATES = np.geomspace(1.0, 32.0, 9)  # of exponentials, in lengths of a whole curve
# Of the log-power family: where half of the way is done, as a part of the whole.
LOG_POWER_MIDDLES = np.array([0.03, 0.1, 0.3])
LOG_POWER_SLOPES = np.array([1.0, 2.0, 4.0])
# Times the variance of earlier curves: those that are complete are the good ones, and so too much alike.
EARLIER_VARIANCE_FACTOR = 4.0
# Degrees of freedom of the noise, as Student's t: a point far off the curve hardly counts.
NOISE_DEGREES_OF_FREEDOM = 4.0
# Times the noise, in the rounds of reweighting: what seems far off at first need not be.
NOISE_COOLING = (8.0, 3.0, 1.0)
LEAST_NOISE_VARIANCE = 1e-4  # variance, where curves are all smooth
RIDGE_VARIANCE = 1e-3  # variance of a and b, where earlier curves are all alike


def shapes(u: Floats, end: float) -> Floats:
    """Return the shapes at some points, p float[F, k].

    Args:
        u: float[k].
        end: U, above 1.
    """
    at = np.concatenate([[1.0, end], u])
    power = at ** -CURVE_POWERS[:, None]
    exponential = np.exp(-CURVE_RATES[:, None] * at / end)
    middle = np.maximum(LOG_POWER_MIDDLES * end, 1.0)[:, None, None]
    log_power = 1.0 / (1.0 + (at / middle) ** LOG_POWER_SLOPES[None, :, None])
    raw = np.concatenate([power, exponential, log_power.reshape(-1, len(at))])
    first, last = raw[:, :1], raw[:, 1:2]
    out: Floats = ((raw - last) / (first - last))[:, 2:]
    return out


class Extrapolation:
    """What the ends of curves are likely to be, given whole earlier ones.

    Args:
        u: points float[k] at which the earlier curves are known, up to the end.
        z: their values float[m, k].
        end: U.
    """

    def __init__(self, u: Floats, z: Floats, end: float) -> None:
        self._end = end
        p = shapes(u, end)
        flat = np.zeros((len(p), 2))
        loose = np.broadcast_to(np.eye(2) * 1e-6, (len(p), 2, 2))
        fit = _posterior(p, z, np.ones(len(p)), flat, loose)
        residual = z - fit.a[:, :, None] - fit.b[:, :, None] * p[:, None, :]
        self._noise = np.maximum(np.median(np.mean(residual**2, axis=2), axis=1), LEAST_NOISE_VARIANCE)
        t = np.stack([fit.a, fit.b], axis=2)  # [F, m, 2]
        self._mean = np.mean(t, axis=1)
        off = t - self._mean[:, None, :]
        cov = off.transpose(0, 2, 1) @ off / max(1, len(z) - 1)
        self._precision = np.linalg.inv(EARLIER_VARIANCE_FACTOR * cov + RIDGE_VARIANCE * np.eye(2))

    def ends(self, u: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Return what curves that are known at some points come to: mean, variance and weight of each shape, [F, m].

        Args:
            u: the points float[k].
            z: values float[m, k].
        """
        fit = _posterior(shapes(u, self._end), z, self._noise, self._mean, self._precision)
        weight = np.exp(fit.evidence - np.max(fit.evidence, axis=0))
        return fit.a, fit.variance + self._noise[:, None], weight / np.sum(weight, axis=0)


class _Posterior(NamedTuple):
    """What is known of a and b: their means, the variance of a, and the log evidence of the shape; float[F, m] each."""

    a: Floats
    b: Floats
    variance: Floats
    evidence: Floats


def _posterior(p: Floats, z: Floats, v: Floats, mean: Floats, precision: Floats) -> _Posterior:
    """Fit each curve with each shape."""
    moments = np.stack([np.ones_like(p), p, p * p], axis=2)  # [F, k, 3]
    p00, p01, p11 = (precision[:, i, j, None] for i, j in ((0, 0), (0, 1), (1, 1)))
    pull = np.einsum("fij,fj->fi", precision, mean)
    w = np.ones((len(p), *z.shape))
    cooling = iter(NOISE_COOLING)
    while True:
        s0, s1, s2 = np.moveaxis(w @ moments, 2, 0) / v[:, None]
        y0, y1 = np.moveaxis((w * z) @ moments[:, :, :2], 2, 0) / v[:, None]
        s0, s1, s2 = s0 + p00, s1 + p01, s2 + p11
        y0, y1 = y0 + pull[:, :1], y1 + pull[:, 1:]
        volume = s0 * s2 - s1 * s1
        a, b = (s2 * y0 - s1 * y1) / volume, (s0 * y1 - s1 * y0) / volume
        off = (z - a[:, :, None] - b[:, :, None] * p[:, None, :]) ** 2 / v[:, None, None]
        factor = next(cooling, None)
        if factor is None:
            break
        w = (NOISE_DEGREES_OF_FREEDOM + 1) / (NOISE_DEGREES_OF_FREEDOM + off / factor**2)
    misfit = (NOISE_DEGREES_OF_FREEDOM + 1) * np.sum(np.log1p(off / NOISE_DEGREES_OF_FREEDOM), axis=2)
    da, db = a - mean[:, :1], b - mean[:, 1:]
    prior = p00 * da**2 + 2 * p01 * da * db + p11 * db**2
    shrinkage = np.log(volume) - np.log(p00 * p11 - p01 * p01)
    evidence = -0.5 * (misfit + prior + shrinkage + p.shape[1] * np.log(v)[:, None])
    return _Posterior(a, b, s2 / volume, evidence)
