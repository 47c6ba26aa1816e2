"""Which fits go to a worker together.

Sending one short fit at a time costs more than the fit. Sending many leaves a worker idle at the end, and a killed
process loses more. So a batch has as many fits as take about a quarter of a second by the measurements so far, and
towards the end no more than a fair share of what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tunesmith.sklearn._compat import eval_expr
from tunesmith.sklearn.evaluate.pool import Batch
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.store.outcome import Outcome

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
