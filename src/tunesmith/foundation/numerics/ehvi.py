"""Expected hypervolume improvement of two independent Gaussians: how much more a point is expected to dominate.

Symbols: front[n, 2] non-dominated values (minimised) and the reference point r[2]; mean[q, 2] and std[q, 2] of q
candidates; strips [lower, upper)[b, 2] that divide what nothing of the front dominates, below r.

The improvement of a value a is the area that a dominates in all strips: Σ_b Π_j ((u_bj - a_j)⁺ - (l_bj - a_j)⁺).
The objectives are independent, so its expectation is the same sum with ψ(t) = E (t - a)⁺ = σ h((t - μ) / σ), h as in
`tunesmith.foundation.numerics.acquisition` (Yang, Emmerich, Deutz & Bäck, J. Glob. Optim. 75, 2019). Far from the front
all of it underflows, so logarithms are added up there, which takes longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_h
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.pareto import non_dominated

ROOT_TAU = math.sqrt(2.0 * math.pi)
TINY_SHARE = 1e-9  # a share of what the strips could give: below it too few digits are left, and logarithms are used
NUMBERS_IN_ARRAY = 1 << 20  # numbers in one array of candidates x strips


def log_ehvi_over(front: Floats, ref: Floats) -> Callable[[Floats, Floats], Floats]:
    """Return the logarithm of the expected hypervolume improvement over a front, as a function of (mean, std).

    Args:
        front: what was reached, [n, 2]; dominated rows, rows not below r and n = 0 do no harm.
        ref: the reference point [2], finite.

    Returns:
        A function of mean[q, 2] and std[q, 2], the latter positive, with values float64[q].
    """
    lower, upper = free_strips(front, ref)
    step = max(1, NUMBERS_IN_ARRAY // max(1, len(lower)))

    def log_ehvi(mean: Floats, std: Floats) -> Floats:
        out = np.full(len(mean), -np.inf)
        for start in range(0, len(mean), step):
            part = slice(start, start + step)
            gain, scale = _gain(mean[part], std[part], lower, upper)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                out[part] = np.log(gain)
                tiny = start + np.flatnonzero(~((gain >= TINY_SHARE * scale) & np.isfinite(gain)))
            if len(tiny):
                out[tiny] = _log_gain(mean[tiny], std[tiny], lower, upper)
        return out

    return log_ehvi


def free_strips(front: Floats, ref: Floats) -> tuple[Floats, Floats]:
    """Return disjoint strips (lower[b, 2], upper[b, 2]) that make up all points below r which no row dominates."""
    front = front[np.all(front < ref, axis=1)]
    front = np.unique(front[non_dominated(front)], axis=0)
    edge = np.concatenate([[-np.inf], front[:, 0], ref[:1]])
    top = np.concatenate([ref[1:], front[:, 1]])
    return np.column_stack([edge[:-1], np.full(len(top), -np.inf)]), np.column_stack([edge[1:], top])


def _gain(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Return the expected improvement [q], and the size [q] that its rounding error is in proportion to."""
    total, scale = np.ones((len(mean), len(lower))), np.ones(len(mean))
    for j in range(mean.shape[1]):
        bounds, at = np.unique(np.concatenate([lower[:, j], upper[:, j]]), return_inverse=True)
        psi = np.zeros((len(mean), len(bounds)))
        finite = np.isfinite(bounds)  # a strip may reach down to -inf, where ψ = 0
        s = np.maximum(std[:, j, None], 1e-300)
        with np.errstate(over="ignore", invalid="ignore"):
            psi[:, finite] = s * _h((bounds[finite] - mean[:, j, None]) / s)
            total *= psi[:, at[len(lower) :]] - psi[:, at[: len(lower)]]
            scale *= s[:, 0] + psi.max(axis=1, initial=0.0)
    return total.sum(axis=1), scale


def _h(z: Floats) -> Floats:
    """Return h(z) = φ(z) + z Φ(z), taken for 0 or z where it differs from them by less than 1e-16."""
    from scipy.special import ndtr

    out = np.maximum(z, 0.0)
    near = np.abs(z) < 8.0
    y = z[near]
    out[near] = np.exp(-0.5 * y * y) / ROOT_TAU + y * ndtr(y)
    return out


def _log_gain(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the logarithm of the expected improvement [q], however small that is."""
    total = np.zeros((len(mean), len(lower)))
    for j in range(mean.shape[1]):
        total += _log_sides(mean[:, j], std[:, j], lower[:, j], upper[:, j])
    top = total.max(axis=1, initial=-np.inf)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        found: Floats = safe + np.log(np.exp(total - safe[:, None]).sum(axis=1))
    return found


def _log_sides(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return log(ψ(upper) - ψ(lower)), [q, b]. Strips share their bounds, so each bound is looked at once."""
    bounds, at = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    z = np.full((len(mean), len(bounds)), -np.inf)
    finite = np.isfinite(bounds)  # a strip may reach down to -inf, where ψ = 0
    with np.errstate(over="ignore"):
        z[:, finite] = (bounds[finite] - mean[:, None]) / np.maximum(std, 1e-300)[:, None]
    log_psi = np.full(z.shape, -np.inf)
    log_psi[:, finite] = log_h(np.clip(z[:, finite], -1e150, 1e150)) + np.log(np.maximum(std, 1e-300))[:, None]
    below, above = log_psi[:, at[: len(lower)]], log_psi[:, at[len(lower) :]]
    with np.errstate(divide="ignore"):
        side: Floats = above + np.log(-np.expm1(np.minimum(below - above, 0.0)))
    return side
