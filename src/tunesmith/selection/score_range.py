"""The range of a metric: what is known of it, or what its values so far suggest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.selection.metric import Metric
from tunesmith.selection.score import HonestScore

CUT = "The range of your metric is not known. All its values here lie {where}, so the interval is cut there."


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """The range that scores can lie in.

    Attributes:
        low: the lowest score.
        high: the highest one.
        known: whether that is known of the metric; if not, it is what its values suggest.
    """

    low: float
    high: float
    known: bool

    @classmethod
    def of(cls, metric: Metric | None, scores: Floats) -> ScoreRange:
        """Return the range of a metric.

        What is known of a metric counts unless its values say otherwise: an estimator's own ``score`` should be the
        accuracy or R², and may be something else.

        Args:
            metric: the metric; None: it is not known.
            scores: all its values so far; NaN where there are none.
        """
        seen = scores[np.isfinite(scores)]
        least, most = (float(seen.min()), float(seen.max())) if seen.size else (-math.inf, math.inf)
        if metric is not None:
            low, high = metric.offset - metric.bounds[1], metric.offset - metric.bounds[0]
            if (low, high) != (-math.inf, math.inf) and low <= least + 1e-9 and most - 1e-9 <= high:
                return cls(low, high, True)
        low = 0.0 if least >= 0.0 else -math.inf
        high = 1.0 if least >= 0.0 and most <= 1.0 else 0.0 if most <= 0.0 else math.inf
        return cls(low, high, False)

    def keep(self, score: HonestScore) -> tuple[HonestScore, tuple[str, ...]]:
        """Return a score that is better if it is greater, with its interval cut to the range, and notes on that."""
        value = min(max(score.value, self.low), self.high)
        low, high = (min(max(end, self.low), self.high) for end in score.interval)
        if (value, low, high) == (score.value, *score.interval) or math.isnan(low):
            return score, ()
        where = (
            "between 0 and 1" if math.isfinite(self.high - self.low) else "above 0" if self.low == 0.0 else "below 0"
        )
        optimism = score.optimism + score.value - value
        kept = replace(score, value=value, interval=(low, high), optimism=optimism)
        return kept, () if self.known else (CUT.format(where=where),)
