"""Fits in batches, and until a deadline."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tunesmith.sklearn._compat import eval_expr
from tunesmith.sklearn.evaluate.pool import Batch
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.store.outcome import Outcome

# ----------------------------------------------------------------------------------------------------------------------
# Which fits go to a worker together.
#
# Sending one short fit at a time costs more than the fit. Sending many leaves a worker idle at the end, and a killed
# process loses more. So a batch has as many fits as take about a quarter of a second by the measurements so far, and
# towards the end no more than a fair share of what is left.

TARGET_SECONDS = 0.25  # seconds of work in a batch
LEAST_SECONDS = 0.02  # below this, sending costs too much to share the last fits out evenly
MEMORY = 0.5  # weight of the newest batch in the running mean


class BatchSizer:
    """Chooses how many fits to send at once by how long fits have taken.

    Attributes:
        seconds_per_fit: of one fit with its scores, as measured; None before the first one.
    """

    def __init__(self) -> None:
        self.seconds_per_fit: float | None = None

    def observe(self, outcomes: list[Outcome]) -> None:
        """Take in what a batch measured."""
        if not outcomes:
            return
        mean = sum(o.fit_seconds + o.score_seconds for o in outcomes) / len(outcomes)
        if self.seconds_per_fit is None:
            self.seconds_per_fit = mean
        else:
            self.seconds_per_fit = MEMORY * mean + (1 - MEMORY) * self.seconds_per_fit

    def size(self, left: int, workers: int) -> int:
        """Return how many fits to send next, of those left."""
        if self.seconds_per_fit is None:
            return 1
        each = max(self.seconds_per_fit, 1e-5)
        fair = max(left / (3 * workers), LEAST_SECONDS / each)
        return max(1, min(int(TARGET_SECONDS / each), int(fair), left))


def batches(units: list[Unit], sizer: BatchSizer, workers: int) -> Iterator[Batch]:
    """Cut units into batches, each as large as the sizer then allows; a unit may be cut between its splits."""
    waiting = deque(units)
    left = sum(len(u.splits) for u in units)
    while waiting:
        size = sizer.size(left, workers)
        left -= size
        batch: Batch = []
        while size > 0 and waiting:
            unit = waiting.popleft()
            if len(unit.splits) > size:
                unit, rest = unit.cut(size)
                waiting.appendleft(rest)
            batch.append(unit)
            size -= len(unit.splits)
        yield batch


def dispatch_limit(pre_dispatch: int | str, workers: int) -> float:
    """Return how many batches may be under way at once, by scikit-learn's ``pre_dispatch``.

    Raises:
        ValueError: it is no number, no "all" and no sum or product of numbers and ``n_jobs``.
    """
    if pre_dispatch == "all":
        return float("inf")
    if isinstance(pre_dispatch, str):
        return max(1.0, float(eval_expr(pre_dispatch.replace("n_jobs", str(workers)))))
    return max(1.0, float(pre_dispatch))


# ----------------------------------------------------------------------------------------------------------------------
# When a search has to end, held to within one fit: how long the next ones take is predicted from those before.


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
