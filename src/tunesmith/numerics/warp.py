"""Monotone transforms of observed values that make them look normal.

Box-Cox for positive values, else Yeo-Johnson, the parameter λ by maximum likelihood (Box & Cox, 1964, eq. 8;
Yeo & Johnson, 2000, eq. 3.1); values that the transform would squash are left as they are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def standardise(y: Floats) -> Floats:
    """Return y with mean 0 and standard deviation 1; zeros if it is constant. Values up to 1e300 do not overflow."""
    size = float(np.max(np.abs(y), initial=0.0))
    if not size > 0.0:
        return np.zeros_like(y)
    y = y / size
    y = y - y.mean()
    sd = float(y.std())
    return y / sd if sd > 1e-14 else np.zeros_like(y)


def yeo_johnson(y: Floats, lmbda: float) -> Floats:
    """Return the Yeo-Johnson transform of y (eq. 2.1 of the paper)."""
    out = np.empty_like(y)
    up = y >= 0
    plus, minus = np.log1p(y[up]), np.log1p(-y[~up])
    out[up] = plus if abs(lmbda) < 1e-8 else np.expm1(lmbda * plus) / lmbda
    other = 2.0 - lmbda
    out[~up] = -minus if abs(other) < 1e-8 else -np.expm1(other * minus) / other
    return out


def _score(lmbda: float, y: Floats, log_jacobian: float) -> float:
    """Minus the profile log likelihood of λ, per the papers; y's transform is taken as normal."""
    t = yeo_johnson(y, lmbda)
    var = float(t.var())
    if not (var > 0.0 and math.isfinite(var)):
        return 1e300
    return 0.5 * len(y) * math.log(var) - (lmbda - 1.0) * log_jacobian


def best_lambda(y: Floats) -> float:
    """Return the λ of the Yeo-Johnson transform of standardised y by maximum likelihood, in [-5, 7]."""
    from scipy.optimize import minimize_scalar

    log_jacobian = float((np.sign(y) * np.log1p(np.abs(y))).sum())
    found = minimize_scalar(
        _score, bounds=(-5.0, 7.0), args=(y, log_jacobian), method="bounded", options={"xatol": 1e-3, "maxiter": 40}
    )
    return float(found.x)


def normalise(y: Floats) -> Floats:
    """Return y transformed to look normal (Yeo-Johnson after standardising), standardised again.

    Args:
        y: finite values [n]; monotone in the result: order is kept, ties stay ties.
    """
    z = standardise(y)
    if len(y) < 3 or not z.any():
        return z
    t = yeo_johnson(z, best_lambda(z))
    return standardise(t) if np.all(np.isfinite(t)) and t.std() > 1e-6 else z
