"""When a search has to end, held to within one fit: how long the next ones take is predicted from those before."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from tunesmith.sklearn.evaluate.batches import BatchSizer


@dataclass(slots=True)
class Deadline:
    """The end of a search, and what there is time for until then.

    Attributes:
        sizer: how long fits have taken.
        n_workers: how many run at once.
        at: the end, by the monotonic clock; infinite: there is none.
        reserved: fits that have to follow before that, one after the other.
    """

    sizer: BatchSizer
    n_workers: int = 1
    at: float = math.inf
    reserved: int = 0

    @property
    def is_set(self) -> bool:
        """Whether there is an end."""
        return math.isfinite(self.at)

    @property
    def passed(self) -> bool:
        """Whether no further fit is to be begun."""
        return not self.allows(0)

    def allows(self, n_fits: int) -> bool:
        """Tell whether so many fits would probably end in time. While no fit has ended, only the clock is known."""
        each = self.sizer.seconds_per_fit or 0.0
        return time.monotonic() + each * (math.ceil(n_fits / self.n_workers) + self.reserved) < self.at
