"""Which fits go to a worker together, and when.

Sending one tiny fit at a time costs more than the fit. Sending many leaves a worker idle at the end, and a killed
process loses more. So a batch is as many fits as take about a quarter of a second by what was measured so far, and
towards the end no more than a fair part of what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from tunesmith.sklearn._compat import eval_expr
from tunesmith.sklearn.evaluate.pool import Batch, Pool
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


def drive(
    pool: Pool, limit: float, next_batch: Callable[[], Batch | None], received: Callable[[list[Outcome]], None]
) -> None:
    """Keep the workers busy until there is no work left: the one loop of all searches.

    Args:
        pool: where, prepared.
        limit: how many batches may be under way at once.
        next_batch: gives the next batch; nothing or None if there is none to be begun now.
        received: is called in this thread with the outcomes of each batch that ends, and of those that had ended when
            the search is interrupted.
    """
    while True:
        while pool.running < limit and (batch := next_batch()):
            pool.submit(batch)
        if not pool.running:
            return
        try:
            _, outcomes = pool.next()
        except BaseException:
            with suppress(Exception):  # the error that is under way is the one to be seen
                received(pool.salvage())
            raise
        received(outcomes)


def run_all(pool: Pool, units: list[Unit], pre_dispatch: int | str, received: Callable[[list[Outcome]], None]) -> None:
    """Run all units.

    Args:
        pool: where, prepared.
        units: what.
        pre_dispatch: how far ahead to send work, as scikit-learn has it.
        received: is called in this thread with the outcomes of each batch that ends.
    """
    sizer = BatchSizer()
    source = batches(units, sizer, pool.n_workers)
    limit = float("inf")
    if pool.inline:
        limit = 1.0
    elif pool.streams:
        limit = dispatch_limit(pre_dispatch, pool.n_workers)

    def observed(outcomes: list[Outcome]) -> None:
        sizer.observe(outcomes)
        received(outcomes)

    drive(pool, limit, lambda: next(source, None), observed)
