"""Choosing by two evidences: what the search's model expects, and fresh runs with seeds that it never saw.

Symbols: C candidates, R repeats with one seed each, the same for all candidates; y[C, R] fresh losses, m[C] and S[C, C]
expected losses and their covariances from the search (NaN: it says nothing), low is good.

y_cr = f_c + b_r + e_cr: b is the effect of a seed on all candidates alike, which cancels out in differences. The
variance of e is that of a two-way table without interaction, with a few degrees of freedom from the search's noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection.choice import replaces_default
from tunesmith.selection.score import Estimate, SelectionResult

PRIOR_DOF = 2.0  # degrees of freedom that the noise known from the search counts for
DRAWS = 20_000
ONE_SIGMA_P = 0.1587  # P(a normal variable exceeds one standard deviation)
METHOD = "combining the search's model with fresh runs"
NO_MODEL = "the mean of fresh runs"
DISAGREE = (
    "The fresh runs differ from what the search's model expected by more than chance, so the model counts for little "
    "in the figure."
)


@dataclass(frozen=True, slots=True)
class Noise:
    """How fresh evaluations scatter."""

    paired: float  # variance of e
    dof: float  # its degrees of freedom; 0: it is not known
    single: float  # variance of one evaluation, b and e
    single_dof: float


def scatter(y: Floats, known: float = math.nan) -> Noise:
    """Return the variances of y[C, R] without NaN; `known`: standard deviation of a single result from the search."""
    c, r = y.shape
    spread = y.mean(axis=0) - y.mean()
    rest = y - y.mean(axis=1, keepdims=True) - spread
    df_e, df_b = float((c - 1) * (r - 1)), float(r - 1)
    ms_e = float((rest**2).sum()) / df_e if df_e else 0.0
    ms_b = c * float((spread**2).sum()) / df_b if df_b else 0.0
    single = (ms_b + (c - 1) * ms_e) / c
    parts = (ms_b / c) ** 2 / df_b + ((c - 1) * ms_e / c) ** 2 / max(df_e, 1.0) if df_b else 0.0
    df = single**2 / parts if parts > 0 else df_b  # Satterthwaite
    if known == known:
        single = (PRIOR_DOF * (known * known) + df * single) / (PRIOR_DOF + df)
        ms_e = (PRIOR_DOF * (known * known) + df_e * ms_e) / (PRIOR_DOF + df_e)
        df, df_e = df + PRIOR_DOF, df_e + PRIOR_DOF
    return Noise(ms_e if df_e else math.nan, df_e, single if df else math.nan, df)


@dataclass(frozen=True, slots=True)
class Combined:
    """Both evidences as one."""

    value: Floats  # expected losses [C]
    sd: Floats  # their standard deviations [C]
    dof: Floats  # degrees of freedom of these [C]
    disagree: float  # standard deviations between the evidences, root mean square; NaN if there is only one


def combine(mean: Floats, cov: Floats, fresh: Floats, repeats: int, noise: Noise) -> Combined:
    """Return both evidences, weighted by their precision: `fresh` [C] are means over `repeats` fresh losses.

    m ~ N(f, S + τ² I), and the means of the fresh losses ~ N(f, V). V has the common effect of a seed everywhere, and
    the variance of e on the diagonal. τ² is 0 unless the two differ by more than they should. Then it is as large as
    (m - y)ᵀ (S + τ² I + V)⁻¹ (m - y) = C requires (Paule & Mandel, 1982), so that a wrong model counts for little.
    """
    c = len(fresh)
    single = noise.single / repeats if noise.single_dof else math.nan
    alone = Combined(fresh.copy(), np.full(c, math.sqrt(single)), np.full(c, noise.single_dof), math.nan)
    if not (np.isfinite(mean).all() and np.isfinite(cov).all() and single == single):
        return alone
    own = noise.paired / repeats if noise.dof else single
    shared = max(0.0, single - own)
    off = mean - fresh
    s = cov + (1e-12 * float(np.max(off**2) + own + cov.max()) + 1e-290) * np.eye(c)
    v = np.full((c, c), shared) + own * np.eye(c)

    def distance(extra: float) -> float:
        return float(off @ np.linalg.solve(s + v + extra * np.eye(c), off)) / c

    disagree = math.sqrt(max(0.0, distance(0.0)))
    low, high = 0.0, float(off @ off)
    if disagree > 1.0:
        for _ in range(60):
            middle = (low + high) / 2.0
            low, high = (middle, high) if distance(middle) > 1.0 else (low, middle)
        s = s + high * np.eye(c)
    k = np.linalg.solve(s + v, s).T  # what the fresh losses count for
    value = mean - k @ off
    from_fresh = np.einsum("ij,jl,il->i", k, v, k)
    left = np.eye(c) - k
    variance = from_fresh + np.einsum("ij,jl,il->i", left, s, left)
    dof = noise.single_dof * (variance / np.maximum(from_fresh, 1e-300)) ** 2  # Satterthwaite: S is taken as known
    return Combined(value, np.sqrt(variance), np.minimum(dof, 1e6), disagree)


@checked()
def select_by_reruns(
    y: Floats,
    mean: Floats,
    cov: Floats,
    *,
    default: int | None = None,
    prefer_default: bool = True,
    known_noise: float = math.nan,
    level: float = 0.95,
) -> SelectionResult:
    """Choose a candidate by what the search's model expects and by fresh runs.

    The default is kept unless the best other candidate's paired gain over it exceeds one standard error, the choice
    among several accounted for: unless p < 0.16, where p is that of the largest of several differences to one control
    (Dunnett, 1955).

    Args:
        y: fresh losses [C, R]; a candidate with one that is not finite is out.
        mean: expected losses from the search [C], NaN where it says nothing.
        cov: their covariances [C, C].
        default: index of the default.
        prefer_default: whether it is kept in case of doubt.
        known_noise: standard deviation of a single result from the search; NaN: not known.
        level: of the intervals.

    Returns:
        The result. Its gain is the one seen in the fresh runs, paired; it is None, and the p-value, too, where there is
        no default or nothing to compare it with.

    Raises:
        ValueError: every candidate is out.
    """
    from scipy.special import stdtrit  # Student's quantiles

    if np.ndim(y) != 2 or np.shape(mean) != (len(y),) or np.shape(cov) != (len(y), len(y)):
        shapes = ", ".join(f"{name}{np.shape(a)}" for name, a in (("y", y), ("mean", mean), ("cov", cov)))
        raise ValueError(f"select_by_reruns(): y[C, R], mean[C] and cov[C, C] are expected; got {shapes}")
    if default is not None and not 0 <= default < len(y):
        raise ValueError(f"select_by_reruns(): default={default} is no row of y, which has {len(y)} candidates")
    usable = np.isfinite(y).all(axis=1) & (y.shape[1] > 0)
    if not usable.any():
        raise ValueError("select_by_reruns(): every candidate has a fresh run whose value is not finite")
    fresh = np.full(len(y), math.nan)
    fresh[usable] = y[usable].mean(axis=1)
    r = y.shape[1]
    noise = scatter(y[usable], known_noise)
    both = combine(mean[usable], cov[np.ix_(usable, usable)], fresh[usable], r, noise)
    losses, errors, dofs = (np.full(len(y), math.nan) for _ in range(3))
    losses[usable], errors[usable], dofs[usable] = both.value, both.sd, both.dof
    others = [int(i) for i in np.flatnonzero(usable) if i != default]
    winner = challenger = min(others, key=lambda i: (losses[i], i)) if others else int(np.argmax(usable))
    gain = p = None
    if default is not None and usable[default] and others:
        seen = float(fresh[default] - fresh[challenger])
        error = math.sqrt(2.0 * noise.paired / r) if noise.dof else math.nan
        p, reach, caution = _against_control(seen, error, noise.dof, len(others), level)
        gain = Estimate(seen, (seen - reach, seen + reach))
        expected = losses[default] - losses[challenger]
        if not replaces_default(expected, seen, error, prefer_default=prefer_default, caution=caution, ties=True):
            winner = default
    width = float(stdtrit(dofs[winner], 0.5 + level / 2.0)) if dofs[winner] > 0 else math.nan
    value, half = float(losses[winner]), width * float(errors[winner])
    return SelectionResult(
        winner,
        challenger,
        kept_default=prefer_default and winner != challenger,
        value=value,
        interval=(value - half, value + half),
        naive=float(fresh[winner]),
        method=NO_MODEL if np.isnan(mean).all() else METHOD,
        gain=gain,
        p_value=p,
        level=level,
        notes=(DISAGREE,) if both.disagree > 3.0 else (),
    )


def _against_control(gain: float, error: float, dof: float, k: int, level: float) -> tuple[float, float, float]:
    """Compare the largest of k differences to a control, `gain`, with its distribution if none is better than that.

    Returns its one-sided p-value, the half-width of its interval, and how many standard errors (of `dof` degrees of
    freedom; NaN: not known) it exceeds where p < ONE_SIGMA_P. All are of one distribution (Dunnett, 1955), so that the
    interval lies above 0 exactly where p < (1 - level) / 2.
    """
    if not math.isfinite(error):
        return math.nan, math.inf, math.nan
    if error == 0.0:
        return float(gain <= 0.0), 0.0, 0.0
    rng = np.random.default_rng(0)
    e = rng.standard_normal((DRAWS, k + 1))
    largest = (e[:, 1:].max(axis=1) - e[:, 0]) / math.sqrt(2.0)
    largest = np.sort(largest / np.sqrt(rng.chisquare(dof, DRAWS) / dof))
    beyond = DRAWS - int(np.searchsorted(largest, gain / error))

    def quantile(p: float) -> float:
        """The highest draw whose own p-value is p or more."""
        at = min(max(math.ceil(p * (DRAWS + 1)) - 1, 1), DRAWS)
        return float(largest[DRAWS - at])

    return (1 + beyond) / (DRAWS + 1), quantile((1.0 - level) / 2.0) * error, quantile(ONE_SIGMA_P)
