"""At which reports a rule looks at a trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Schedule:
    """Looks at a trial from a step on, and once in so many steps.

    Attributes:
        warmup: the first step, counted from 0, at which it is looked at.
        interval: how many steps lie between two looks, counted from `warmup`; where nothing is reported at that step,
            the next report is looked at.
    """

    warmup: int
    interval: int

    def due(self, steps: NDArray[np.int64], step: int) -> bool:
        """Tell whether a trial is looked at now.

        Args:
            steps: at which it reported, in order, int64[k].
            step: of its last report.
        """
        if step < self.warmup or not len(steps):
            return False
        since = self.warmup + (step - self.warmup) // self.interval * self.interval
        before = steps[steps != step]
        return not len(before) or bool(before[-1] < since)
