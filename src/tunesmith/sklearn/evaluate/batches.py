"""Which fits go to a worker together, and when.

Sending one tiny fit at a time costs more than the fit. Sending many leaves a worker idle at the end, and a killed
process loses more. So a batch is as many fits as take about a quarter of a second by what was measured so far, and
towards the end no more than a fair part of what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tunesmith.sklearn._compat import eval_expr
from tunesmith.sklearn.evaluate.pool import Batch, Pool
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.store.outcome import Outcome

TARGET = 0.25  # seconds of work in a batch
LEAST = 0.02  # below this, sending costs too much to share the last fits out evenly
MEMORY = 0.5  # weight of the newest batch in the running mean


class Pace:
    """Seconds that one fit with its scores takes, by what was measured."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    def saw(self, outcomes: list[Outcome]) -> None:
        """Take in what a batch measured."""
        if not outcomes:
            return
        mean = sum(o.fit_seconds + o.score_seconds for o in outcomes) / len(outcomes)
        self.seconds = mean if self.seconds is None else MEMORY * mean + (1 - MEMORY) * self.seconds

    def size(self, left: int, workers: int) -> int:
        """Return how many fits to send next, of those left."""
        if self.seconds is None:
            return 1
        each = max(self.seconds, 1e-5)
        fair = max(left / (3 * workers), LEAST / each)
        return max(1, min(int(TARGET / each), int(fair), left))


def batches(units: list[Unit], pace: Pace, workers: int) -> Iterator[Batch]:
    """Cut units into batches, each as large as the pace then allows; a unit may be cut between its splits."""
    waiting = deque(units)
    left = sum(len(u.splits) for u in units)
    while waiting:
        size = pace.size(left, workers)
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


def ahead(pre_dispatch: int | str, workers: int) -> float:
    """Return how many batches may be under way at once, by scikit-learn's ``pre_dispatch``.

    Raises:
        ValueError: it is no number, no "all" and no sum or product of numbers and ``n_jobs``.
    """
    if pre_dispatch == "all":
        return float("inf")
    if isinstance(pre_dispatch, str):
        return max(1.0, float(eval_expr(pre_dispatch.replace("n_jobs", str(workers)))))
    return max(1.0, float(pre_dispatch))


def run_all(pool: Pool, units: list[Unit], pre_dispatch: int | str, saw: Callable[[list[Outcome]], None]) -> None:
    """Run all units, telling of the outcomes as they come.

    Args:
        pool: where, prepared.
        units: what.
        pre_dispatch: how far ahead to send work.
        saw: is called in this thread with the outcomes of each batch that ends.
    """
    pace = Pace()
    source = batches(units, pace, pool.n_workers)
    room = 1.0 if pool.inline else ahead(pre_dispatch, pool.n_workers) if pool.streams else float("inf")
    more = True
    while more or pool.running:
        while more and pool.running < room:
            batch = next(source, None)
            if batch is None:
                more = False
            else:
                pool.submit(batch)
        if pool.running:
            with salvaging(pool, saw):
                _, outcomes = pool.next()
            pace.saw(outcomes)
            saw(outcomes)


@contextmanager
def salvaging(pool: Pool, saw: Callable[[list[Outcome]], None]) -> Iterator[None]:
    """Tell of what has ended before an interruption or an error goes its way."""
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the error that is under way is the one to be seen
            saw(pool.salvage())
        raise
