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
    w  float[m, F, k] weights of the points, below 1 for those far off the curve
    t  float[m, F, 2] a and b of the curves
    v  float[F]       variances of the noise
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POWERS = np.array([0.25, 0.5, 0.75, 1.0, 1.5])
RATES = np.geomspace(1.0, 32.0, 9)  # of exponentials, in lengths of a whole curve
MIDDLES = np.array([0.03, 0.1, 0.3])  # of the log-power family: where half of the way is done, as a part of the whole
SLOPES = np.array([1.0, 2.0, 4.0])
WIDER = 4.0  # times the variance of earlier curves: those that are complete are the good ones, and so too much alike
TAILS = 4.0  # degrees of freedom of the noise, as Student's t: a point far off the curve hardly counts
COOLING = (8.0, 3.0, 1.0)  # times the noise, in the rounds of reweighting: what seems far off at first need not be
LEAST_NOISE = 1e-4  # variance, where curves are all smooth
RIDGE = 1e-3  # variance of a and b, where earlier curves are all alike


def shapes(u: Floats, end: float) -> Floats:
    """Return the shapes at some points, p float[F, k].

    Args:
        u: float[k].
        end: U, above 1.
    """
    at = np.concatenate([[1.0, end], u])
    power = at ** -POWERS[:, None]
    exponential = np.exp(-RATES[:, None] * at / end)
    middle = np.maximum(MIDDLES * end, 1.0)[:, None, None]
    log_power = 1.0 / (1.0 + (at / middle) ** SLOPES[None, :, None])
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
        t, _, _ = _posterior(p, z, np.ones(len(p)), flat, loose)
        residual = z[:, None, :] - _curve(p, t)
        self._noise = np.maximum(np.median(np.mean(residual**2, axis=2), axis=0), LEAST_NOISE)
        self._mean = np.mean(t, axis=0)
        off = t - self._mean
        cov = np.einsum("mfi,mfj->fij", off, off) / max(1, len(z) - 1)
        self._precision = np.linalg.inv(WIDER * cov + RIDGE * np.eye(2))

    def ends(self, u: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Return what curves that are known at some points come to: mean, variance and weight of each shape, [m, F].

        Args:
            u: the points float[k].
            z: values float[m, k].
        """
        t, covariance, evidence = _posterior(shapes(u, self._end), z, self._noise, self._mean, self._precision)
        weight = np.exp(evidence - np.max(evidence, axis=1, keepdims=True))
        return t[:, :, 0], covariance[:, :, 0, 0] + self._noise, weight / np.sum(weight, axis=1, keepdims=True)


def _posterior(p: Floats, z: Floats, v: Floats, mean: Floats, precision: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit each curve with each shape: t, its covariance float[m, F, 2, 2], and the log evidence float[m, F].

    Args:
        p: shapes.
        z: values.
        v: noise.
        mean: of the prior, float[F, 2].
        precision: of the prior, float[F, 2, 2].
    """
    design = np.stack([np.ones_like(p), p], axis=2)  # [F, k, 2]
    pull = np.einsum("fij,fj->fi", precision, mean)
    w = np.ones((len(z), *p.shape))
    cooling = iter(COOLING)
    while True:
        wide = w[..., None] * design / v[:, None, None]  # [m, F, k, 2]
        inner = precision + np.einsum("mfki,fkj->mfij", wide, design)
        covariance = np.linalg.inv(inner)
        t = np.einsum("mfij,mfj->mfi", covariance, pull + np.einsum("mfki,mk->mfi", wide, z))
        off = np.abs(z[:, None, :] - _curve(p, t)) / np.sqrt(v)[:, None]
        factor = next(cooling, None)
        if factor is None:
            break
        w = (TAILS + 1) / (TAILS + (off / factor) ** 2)
    fit = (TAILS + 1) * np.sum(np.log1p(off**2 / TAILS), axis=2)
    shift = t - mean
    prior = np.einsum("mfi,fij,mfj->mf", shift, precision, shift)
    volume = np.linalg.slogdet(inner)[1] - np.linalg.slogdet(precision)[1]
    evidence: Floats = -0.5 * (fit + prior + volume + p.shape[1] * np.log(v))
    return t, covariance, evidence


def _curve(p: Floats, t: Floats) -> Floats:
    out: Floats = t[:, :, :1] + t[:, :, 1:] * p
    return out
