"""How far an axis of values reaches: a few values that are far worse than all others do not make the rest a line."""

from __future__ import annotations

import numpy as np

from tunesmith.languages import say
from tunesmith.visualization.data.columns import Floats

COMMON = 0.9  # the share of values that an axis shows in any case
FAR = 5.0  # beyond so many times their span on the bad side, values are drawn at the edge


def ends_of(value: Floats, maximize: bool | None) -> tuple[float, float]:
    """Return the ends (low, high) of an axis for values [n]; NaN and infinities do not count.

    The good end is the best value. The bad end is the worst one, unless it lies further from the common ones (the best
    nine tenths) than five times their span: then it is half of their span beyond them. Where it is not known what is
    good, the axis shows all.

    Args:
        value: the values.
        maximize: whether high is good; None: not known.
    """
    finite = value[np.isfinite(value)]
    if not len(finite):
        return 0.0, 1.0
    loss = -finite if maximize else finite
    best, common, worst = float(loss.min()), float(np.quantile(loss, COMMON)), float(loss.max())
    span = common - best
    if maximize is not None and span > 0 and worst > common + FAR * span:
        worst = common + 0.5 * span
    return (-worst, -best) if maximize else (best, worst)


def beyond(value: Floats, ends: tuple[float, float]) -> tuple[str, ...]:
    """Return the note that says how many values lie beyond the axis; none if all are on it."""
    finite = value[np.isfinite(value)]
    n = int(((finite < ends[0]) | (finite > ends[1])).sum())
    return (say("{:,} far worse value at the edge" if n == 1 else "{:,} far worse values at the edge", n),) if n else ()
