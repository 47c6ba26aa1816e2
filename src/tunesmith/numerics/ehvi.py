"""Expected hypervolume improvement of independent Gaussians: how much more a point is expected to dominate.

Symbols: front[n, m] non-dominated values (minimised) and the reference point r[m]; mean[q, m] and std[q, m] of q
candidates; boxes [lower, upper)[b, m] that part what nothing of the front dominates, below r; μ, σ one mean and std.

The improvement of a value a is the volume that a dominates in all boxes: Σ_b Π_j ((u_bj - a_j)⁺ - (l_bj - a_j)⁺).
The objectives are independent, so its expectation is the same sum with ψ(t) = E (t - a)⁺ = σ h((t - μ) / σ), h as in
:mod:`tunesmith.numerics.acquisition`: exact for any number of objectives (Yang, Emmerich, Deutz & Bäck, J. Glob.
Optim. 75, 2019). Far from the front all of it underflows, so logarithms are added up there, which takes longer.

The number of boxes grows with n^(m/2): from five objectives on, unless the front is small, the same integral, which is
that of Π_j P(a_j <= t_j) over the points t that nothing dominates, is taken as a mean over quasi-random t.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.acquisition import log_h
from tunesmith.numerics.pareto import non_dominated

Floats = NDArray[np.float64]
ROOT_TAU = math.sqrt(2.0 * math.pi)
TINY = (
    1e-9  # an improvement, beside what the boxes could give, that is computed as a logarithm: too few digits are left
)
CHUNK = 1 << 20  # numbers in one array of candidates x boxes
EXACT = {4: 60}  # rows of a front up to which boxes are used, by m; fewer objectives: always
EXACT_MANY = 12  # the same for five and more
POINTS = 2048  # quasi-random points: a relative error of about a tenth at five and six objectives


def log_ehvi(mean: Floats, std: Floats, front: Floats, ref: Floats) -> Floats:
    """Return the logarithm of the expected hypervolume improvement over a front, float64[q].

    Args:
        mean: means [q, m].
        std: standard deviations [q, m], positive.
        front: what was reached, [n, m]; dominated rows, rows not below r and n = 0 do no harm.
        ref: the reference point [m], finite.

    Raises:
        ValueError: the reference point is not finite, or shapes do not fit.
    """
    return log_ehvi_over(front, ref)(mean, std)


def log_ehvi_over(front: Floats, ref: Floats) -> Callable[[Floats, Floats], Floats]:
    """Return :func:`log_ehvi` as a function of (mean, std): what depends on the front alone is done once.

    Raises:
        ValueError: see :func:`log_ehvi`.
    """
    front, ref = _below(front, ref)
    n, m = front.shape
    if m < min(EXACT) or n <= EXACT.get(m, EXACT_MANY):
        lower, upper = free_boxes(front, ref)
        return lambda mean, std: log_ehvi_of_boxes(mean, std, lower, upper)
    at, log_volume = _free_points(front, ref)
    return lambda mean, std: _log_mean_over(mean, std, at, log_volume)


def log_ehvi_of_boxes(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return :func:`log_ehvi` for a front whose :func:`free_boxes` are known; they depend on no candidate."""
    out = np.full(len(mean), -np.inf)
    step = max(1, CHUNK // max(1, len(lower)))
    for start in range(0, len(mean), step):
        part = slice(start, start + step)
        gain, scale = _gain(mean[part], std[part], lower, upper)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            out[part] = np.log(gain)
            tiny = start + np.flatnonzero(~((gain >= TINY * scale) & np.isfinite(gain)))
        if len(tiny):
            out[tiny] = _log_gain(mean[tiny], std[tiny], lower, upper)
    return out


def _gain(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """The expected improvement [q] itself, and what its error is in proportion to [q]: it loses its digits near 0."""
    total, scale = np.ones((len(mean), len(lower))), np.ones(len(mean))
    for j in range(mean.shape[1]):
        bounds, at = np.unique(np.concatenate([lower[:, j], upper[:, j]]), return_inverse=True)
        psi = np.zeros((len(mean), len(bounds)))
        finite = np.isfinite(bounds)  # a box may reach down to -inf, where ψ = 0
        s = np.maximum(std[:, j, None], 1e-300)
        with np.errstate(over="ignore", invalid="ignore"):
            psi[:, finite] = s * _h((bounds[finite] - mean[:, j, None]) / s)
            total *= psi[:, at[len(lower) :]] - psi[:, at[: len(lower)]]
            scale *= s[:, 0] + psi.max(axis=1, initial=0.0)
    return total.sum(axis=1), scale


def _h(z: Floats) -> Floats:
    """h(z) = φ(z) + z Φ(z), taken for 0 or z where it differs from them by less than 1e-16."""
    from scipy.special import ndtr

    out = np.maximum(z, 0.0)
    near = np.abs(z) < 8.0
    y = z[near]
    out[near] = np.exp(-0.5 * y * y) / ROOT_TAU + y * ndtr(y)
    return out


def _log_gain(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> Floats:
    """The logarithm of the expected improvement [q], however small that is."""
    total = np.zeros((len(mean), len(lower)))
    for j in range(mean.shape[1]):
        total += _log_sides(mean[:, j], std[:, j], lower[:, j], upper[:, j])
    top = total.max(axis=1, initial=-np.inf)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        found: Floats = safe + np.log(np.exp(total - safe[:, None]).sum(axis=1))
    return found


def _log_sides(mean: Floats, std: Floats, lower: Floats, upper: Floats) -> Floats:
    """log(ψ(upper) - ψ(lower)), [q, b]. Boxes share their bounds, so each bound is looked at once."""
    bounds, at = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    z = np.full((len(mean), len(bounds)), -np.inf)
    finite = np.isfinite(bounds)  # a box may reach down to -inf, where ψ = 0
    with np.errstate(over="ignore"):
        z[:, finite] = (bounds[finite] - mean[:, None]) / np.maximum(std, 1e-300)[:, None]
    log_psi = np.full(z.shape, -np.inf)
    log_psi[:, finite] = log_h(np.clip(z[:, finite], -1e150, 1e150)) + np.log(np.maximum(std, 1e-300))[:, None]
    below, above = log_psi[:, at[: len(lower)]], log_psi[:, at[len(lower) :]]
    with np.errstate(divide="ignore"):
        side: Floats = above + np.log(-np.expm1(np.minimum(below - above, 0.0)))
    return side


def free_boxes(front: Floats, ref: Floats) -> tuple[Floats, Floats]:
    """Return disjoint boxes (lower[b, m], upper[b, m]) that make up all points below r which no row dominates.

    These points lie below a local upper bound of the front; turned round, they are the dominated points of those
    bounds, and the partition of a dominated region is known (Lacour, Klamroth & Fonseca, Comput. Oper. Res. 79, 2017).

    Raises:
        ValueError: see :func:`log_ehvi`.
    """
    front, ref = _below(front, ref)
    if len(ref) == 2:  # a box between each two neighbours; the general way would take 30 times as long
        front = front[np.lexsort(front.T[::-1])]
        front = front[np.append(True, np.any(front[1:] != front[:-1], axis=1))[: len(front)]]
        edge = np.concatenate([[-np.inf], front[:, 0], ref[:1]])
        top = np.concatenate([ref[1:], front[:, 1]])
        return np.column_stack([edge[:-1], np.full(len(top), -np.inf)]), np.column_stack([edge[1:], top])
    bounds, _ = _upper_bounds(front, ref)
    turned, corners = _upper_bounds(-bounds, np.full(len(ref), np.inf))
    low, high = _dominated_boxes(turned, corners, np.inf)
    return -high, -low


def _below(front: Floats, ref: Floats) -> tuple[Floats, Floats]:
    """Check the shapes; return the rows of the front that count."""
    front, ref = np.asarray(front, float), np.asarray(ref, float)
    if front.ndim != 2 or ref.shape != front.shape[1:]:
        raise ValueError(
            f"expected a front of shape (n, m) and a reference point of shape (m,); got {front.shape}, {ref.shape}"
        )
    if not np.isfinite(ref).all():
        raise ValueError(f"the reference point of a hypervolume must be finite; got {ref}")
    front = front[np.all(front < ref, axis=1)]
    return front[non_dominated(front)], ref


def _upper_bounds(points: Floats, ref: Floats) -> tuple[Floats, Floats]:
    """The local upper bounds u[b, m] of a set, and the points z[b, m, m] by which they are defined: z[:, j, j] = u_j.

    Klamroth, Lacour & Vanderpooten, Eur. J. Oper. Res. 245, 2015, algorithm 3. A point that is dominated adds none.
    """
    m = len(ref)
    u = ref[None, :].copy()
    z = np.full((1, m, m), -np.inf)
    z[0, range(m), range(m)] = ref
    for point in points[np.lexsort(points.T[::-1])]:
        hit = np.all(point < u, axis=1)
        if not hit.any():
            continue
        parts_u, parts_z = [u[~hit]], [z[~hit]]
        for j in range(m):
            others = [k for k in range(m) if k != j]
            floor = z[hit][:, others, j].max(axis=1) if others else np.full(int(hit.sum()), -np.inf)
            kept = point[j] >= floor
            new_u, new_z = u[hit][kept], z[hit][kept]
            new_u[:, j] = point[j]
            new_z[:, j] = point
            parts_u.append(new_u)
            parts_z.append(new_z)
        u, z = np.concatenate(parts_u), np.concatenate(parts_z)
    return u, z


def _dominated_boxes(u: Floats, z: Floats, top: float) -> tuple[Floats, Floats]:
    """The partition of the dominated region, one box for each local upper bound (Lacour et al. 2017, eq. 2)."""
    low, high = u.copy(), u.copy()
    high[:, 0] = top
    for j in range(1, u.shape[1]):
        low[:, j] = z[:, :j, j].max(axis=1)
    full = np.all(low < high, axis=1)
    return low[full], high[full]


def _free_points(front: Floats, ref: Floats) -> tuple[Floats, Floats]:
    """Points t[s, m] that no row dominates, and the logarithm of the volume that each stands for, divided by POINTS.

    Three quarters of each coordinate lie between the front's best value and r, a quarter within twice that span
    below. What a candidate may gain beyond counts no more, so it is too low for means far beyond the front.
    """
    from scipy.stats import qmc

    best = front.min(axis=0)
    best = np.where(np.isfinite(best), best, ref - 1.0)
    span = ref - best
    u = qmc.Sobol(len(ref), scramble=True, seed=np.random.default_rng(0)).random(POINTS)
    near = u >= 0.25
    t = np.where(near, best + span * (u - 0.25) / 0.75, best - 2.0 * span * (1.0 - u / 0.25))
    log_volume = np.log(span * np.where(near, 1.0 / 0.75, 2.0 / 0.25)).sum(axis=1) - np.log(POINTS)
    free = np.ones(POINTS, bool)
    for row in front:
        free &= ~np.all(row <= t, axis=1)
    return t[free], log_volume[free]


def _log_mean_over(mean: Floats, std: Floats, t: Floats, log_volume: Floats) -> Floats:
    """Return log Σ_t volume(t) Π_j Φ((t_j - μ_j) / σ_j), float64[q]."""
    from scipy.special import log_ndtr, logsumexp

    out = np.empty(len(mean))
    step = max(1, CHUNK // len(t))
    for start in range(0, len(mean), step):
        part = slice(start, start + step)
        total = np.tile(log_volume, (len(mean[part]), 1))
        for j in range(mean.shape[1]):
            with np.errstate(over="ignore"):
                z = (t[:, j] - mean[part, j, None]) / np.maximum(std[part, j, None], 1e-300)
            total += log_ndtr(np.clip(z, -1e150, 1e150))
        out[part] = logsumexp(total, axis=1)
    return out
