"""From effects to the rows of a table: what noise gives is subtracted, and intervals and null lines are added.

Symbols: r effects, b draws, s shuffles.
"""

from __future__ import annotations

import numpy as np

from tunesmith.importance.base import Effects
from tunesmith.importance.table import LEVEL, ImportanceRow
from tunesmith.numerics.arrays import Floats


def rows_of(effects: Effects, names: tuple[str, ...], pairs: bool) -> tuple[ImportanceRow, ...]:
    """Return the rows of the main effects, or of the pairs, the largest first (those of a path in its order).

    The values of noise are positive by construction. Their mean over shuffles is subtracted. The null line of an effect
    lies so many standard deviations of its shuffled values above 0 that in 1 - 95 % of the shuffles any effect of the
    kind passes its own line; p is the share of the shuffles in which any of them stands out as much (Westfall & Young,
    1993, single-step maxT). Draws of a value that is positive by construction lie too high; the interval is moved to
    have its mean at the value.

    Args:
        effects: what an evaluator found.
        names: of all parameters.
        pairs: which kind.
    """
    at = [i for i, params in enumerate(effects.params) if (len(params) == 2) == pairs]
    if not at:
        return ()
    raw, draws, shuffled = effects.value[at], effects.draws[:, at], effects.shuffled[:, at]
    bias, line, p = null_lines(raw, shuffled)
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(draws - draws.mean(axis=0) + raw - bias, [tail, 1.0 - tail], axis=0)
    high = np.where(bias > 0.0, np.maximum(high, 0.0), high)  # a value that is positive by construction is not below 0
    rows = [
        ImportanceRow(
            params=tuple(names[j] for j in effects.params[i]),
            value=float(raw[k] - bias[k]),
            interval=(float(low[k]), float(high[k])),
            null=float(line[k]),
            p=float(p[k]),
            bias=float(bias[k]),
            n_trials=effects.n_trials[i],
            change=effects.changes[i] if effects.changes else None,
        )
        for k, i in enumerate(at)
    ]
    return tuple(rows if effects.changes else sorted(rows, key=lambda row: -row.value))


def null_lines(raw: Floats, shuffled: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what noise gives on average, the null lines above that, and p, [r] each.

    Args:
        raw: values [r].
        shuffled: values with shuffled y [s, r].
    """
    bias, sd = shuffled.mean(axis=0), shuffled.std(axis=0)
    varies = sd > 1e-12
    if not varies.any():
        return bias, np.zeros_like(bias), np.ones_like(bias)
    scale = np.where(varies, sd, 1.0)
    largest = np.where(varies, (shuffled - bias) / scale, -np.inf).max(axis=1)
    out = np.where(varies, (raw - bias) / scale, -np.inf)
    line = sd * float(np.quantile(largest, LEVEL, method="higher"))
    p = (1.0 + (largest[:, None] >= out).sum(axis=0)) / (1.0 + len(largest))
    return bias, line, p
