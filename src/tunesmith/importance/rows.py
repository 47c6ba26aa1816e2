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

    The values of noise are positive by construction. Their mean over shuffles is subtracted. In 95 %
    of the shuffles no effect of the kind passes its own null line; p is the share of the shuffles in which any of them
    stands out as much (Westfall & Young, 1993, single-step maxT). Such lines lie equally many standard deviations of
    the shuffled values above 0; where the values of noise are not positive by construction, all are the same.

    Draws of a value that is positive by construction lie too high; the interval is moved to have its mean at the value.

    Args:
        effects: what an evaluator found.
        names: of all parameters.
        pairs: which kind.
    """
    at = [i for i, params in enumerate(effects.params) if (len(params) == 2) == pairs]
    if not at:
        return ()
    raw, draws, shuffled = effects.value[at], effects.draws[:, at], effects.shuffled[:, at]
    bias = shuffled.mean(axis=0) if effects.positive else np.zeros(len(at))
    scale = shuffled.std(axis=0) if effects.positive else np.ones(len(at))
    line, p = null_lines(raw - bias, shuffled - bias, scale)
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


def null_lines(value: Floats, shuffled: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Return the null lines and p, [r] each.

    Args:
        value: values [r].
        shuffled: values with shuffled y [s, r].
        scale: what the values are divided by before they are compared with one another [r].
    """
    varies = scale > 1e-12
    if not varies.any():
        return np.zeros_like(value), np.ones_like(value)
    divisor = np.where(varies, scale, 1.0)
    largest = np.where(varies, shuffled / divisor, -np.inf).max(axis=1)
    p = (1.0 + (largest[:, None] >= np.where(varies, value / divisor, -np.inf)).sum(axis=0)) / (1.0 + len(largest))
    line = float(np.quantile(largest, LEVEL, method="higher"))
    return np.where(varies, scale, 0.0) * line, p
