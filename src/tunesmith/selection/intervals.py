"""Intervals of a mean from its standard error."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from tunesmith.errors import SelectionError

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)


NO_INTERVAL = "There is no interval, because all scores are the same: how much they vary is not known."


def no_interval_notes(ends: Bounds) -> tuple[str, ...]:
    """Return the note on a score whose interval is not known."""
    return (NO_INTERVAL,) if math.isnan(ends[0]) else ()


def check_level(level: Any) -> None:
    """Raise unless this is the level of an interval.

    Raises:
        SelectionError: it is no number between 0 and 1.
    """
    if not isinstance(level, Real) or not 0.0 < float(level) < 1.0:
        raise SelectionError(f"level= is that of an interval, between 0 and 1, such as 0.95; got {level!r}")


def p_value(gain: float, error: float, dof: float) -> float:
    """Return the one-sided p-value of "the gain is not positive" by Student's t; NaN if the error is not known.

    It is below (1 - level) / 2 exactly where `interval` of the same arguments lies above 0.

    Args:
        gain: the estimate.
        error: its standard error; if it is 0, the gain's sign decides.
        dof: degrees of freedom of `error`; fewer than 1: it is not known; infinite: it is known exactly.
    """
    from scipy.special import stdtr

    if not error > 0.0 or dof < 1.0:
        return math.nan if math.isnan(error) or dof < 1.0 else float(gain <= 0.0)
    return float(stdtr(dof, -gain / error))


def two_sided(level: float) -> float:
    """Return the half-width of an interval of a normal distribution, in standard deviations."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2.0))


def wilson(share: float, size: float, quantile: float) -> Bounds:
    """Return Wilson's interval of a share of `size` rows, which need not be whole, at a quantile of the normal."""
    q = quantile**2 / size
    centre, half = (share + q / 2.0) / (1.0 + q), math.sqrt(q * share * (1.0 - share) + q**2 / 4.0) / (1.0 + q)
    return max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0)


def score_interval(
    value: float,
    error: float,
    dof: float,
    *,
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
    size: float | None = None,
) -> Bounds:
    """Return the interval of a mean as `interval` does, or NaN where the error does not determine it.

    It does not if the error is not finite, or if it is 0 and there are no two finite bounds.
    """
    if not math.isfinite(error) or not (error > 0.0 or all(map(math.isfinite, bounds))):
        return math.nan, math.nan
    return interval(value, error, dof, level=level, bounds=bounds, size=size)


def interval(
    value: float,
    error: float,
    dof: float,
    *,
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
    size: float | None = None,
) -> Bounds:
    """Return the interval of a mean.

    Between two finite bounds it is Wilson's, with the number of rows that would give `error` for a proportion. Such an
    interval stays between the bounds and is longer towards the middle. Otherwise it is Student's.

    Args:
        value: the estimate.
        error: its standard error.
        dof: degrees of freedom of `error`.
        level: the probability that the interval should hold.
        bounds: between which the truth lies.
        size: how many observations there were, for a score without error; dof + 1 if None.
    """
    from scipy.special import stdtrit  # Student's quantiles without the second that scipy.stats takes to import

    quantile = float(stdtrit(max(dof, 1.0), 0.5 + level / 2))
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        if dof < 1.0:  # one row has no spread
            return bounds
        return max(low, value - quantile * error), min(high, value + quantile * error)
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    relative = error / (high - low)
    # A score with no error among n rows still has the interval of 0 out of n (or n out of n).
    spread = share * (1.0 - share)
    # Fewer than one row count as one; more than 1e12 as 1e12.
    if relative > 0.0 and spread > 0.0:
        ends = wilson(share, min(max(spread / max(relative**2, 1e-24), 1.0), 1e12), quantile)
    else:
        ends = wilson(share, max(dof + 1.0 if size is None else size, 1.0), two_sided(level))
    return low + (high - low) * ends[0], low + (high - low) * ends[1]
