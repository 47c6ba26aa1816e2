"""Expected improvement on the logarithmic scale, which has a usable gradient where the improvement itself underflows.

Minimisation: z = (f* - μ) / σ, EI = σ h(z) with h(z) = φ(z) + z Φ(z) (Jones, Schonlau & Welch, 1998, eq. 15);
log EI by Ament et al., NeurIPS 2023, appendix A.
"""

from __future__ import annotations

import math

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats

_C1 = 0.5 * math.log(2.0 * math.pi)
_C2 = math.sqrt(0.5 * math.pi)
_ROOT2 = math.sqrt(2.0)


def log_h(z: Floats) -> Floats:
    """Return log h(z), accurate from z = -1e150 to 1e150."""
    from scipy.special import erfcx, ndtr

    z = np.asarray(z, float)
    out = np.empty_like(z)
    near = z > -1.0
    zn = z[near]
    out[near] = np.log(np.exp(-0.5 * zn * zn - _C1) + zn * ndtr(zn))
    zf = z[~near]
    if len(zf):
        size = -zf
        with np.errstate(divide="ignore", over="ignore"):
            # 1 - √(π/2) |z| erfcx(|z| / √2) cancels to |z|⁻² (1 - 3 |z|⁻²) for large |z|
            tail = np.where(
                size > 1e5,
                -2.0 * np.log(size),
                np.log1p(-np.minimum(_C2 * size * erfcx(size / _ROOT2), 1.0 - 1e-16)),
            )
            series = np.log1p(-3.0 / (size * size) + 15.0 / size**4) - 2.0 * np.log(size)
        out[~near] = -0.5 * zf * zf - _C1 + np.where(size > 100.0, series, tail)
    return out


def log_ei(mean: Floats, variance: Floats, best: float) -> Floats:
    """Return log EI[q] of points with posterior mean[q] and variance[q] over (below) the value `best`."""
    sd = np.sqrt(variance)
    return log_h((best - mean) / sd) + np.log(sd)


def log_ei_gradient(
    mean: Floats, variance: Floats, d_mean: Floats, d_variance: Floats, best: float
) -> tuple[Floats, Floats]:
    """Return log EI[q] and its gradient [q, F], given those of mean and variance [q, F].

    With ρ = Φ(z) / h(z): ∂/∂μ = -ρ / σ and ∂/∂σ = (1 - ρ z) / σ.
    """
    from scipy.special import log_ndtr

    sd = np.sqrt(variance)
    z = (best - mean) / sd
    lh = log_h(z)
    rho = np.exp(log_ndtr(z) - lh)
    by_mean = -rho / sd
    by_variance = (1.0 - rho * z) / sd / (2.0 * sd)
    return lh + np.log(sd), by_mean[:, None] * d_mean + by_variance[:, None] * d_variance


def log_probability_below(mean: Floats, variance: Floats, bound: float) -> Floats:
    """Return log P(f <= bound)[q] under the posterior, for constraints and feasibility."""
    from scipy.special import log_ndtr

    result: Floats = log_ndtr((bound - mean) / np.sqrt(variance))
    return result
