"""When a search has to end, held to within one fit: how long the next ones take is predicted from those before."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol

from tunesmith.sklearn.evaluate.batches import BatchSizer


class Busy(Protocol):
    """What runs the fits: how many at once, and how many are under way, those in its queue among them."""

    n_workers: int
    under_way: int


@dataclass(slots=True)
class Deadline:
    """The end of a search, and what there is time for until then.

    Attributes:
        sizer: how long fits have taken.
        pool: what runs them.
        at: the end, by the monotonic clock; infinite: there is none.
        reserved: fits that have to follow before that, one after the other; one of more rows counts as more than one.
    """

    sizer: BatchSizer
    pool: Busy
    at: float = math.inf
    reserved: float = 0.0

    @property
    def is_set(self) -> bool:
        """Whether there is an end."""
        return math.isfinite(self.at)

    @property
    def passed(self) -> bool:
        """Whether no further fit is to be begun."""
        return not self._allows(self.pool.under_way // self.pool.n_workers)  # it would wait for so many

    def allows(self, n_fits: int) -> bool:
        """Tell whether so many fits would probably end in time. While no fit has ended, only the clock is known."""
        return self._allows(math.ceil((self.pool.under_way + n_fits) / self.pool.n_workers))

    def _allows(self, n_rounds: int) -> bool:
        each = self.sizer.seconds_per_fit or 0.0
        return time.monotonic() + each * (n_rounds + self.reserved) < self.at
