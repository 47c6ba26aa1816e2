"""The policy of a search that knows its fits beforehand: they are run in batches, as far ahead as is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable

from tunesmith.sklearn.evaluate.batches import BatchSizer, batches, dispatch_limit
from tunesmith.sklearn.evaluate.deadline import Deadline
from tunesmith.sklearn.evaluate.pool import Batch, Pool
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.sklearn.store.progress_display import ProgressDisplay
from tunesmith.study.engine.loop import Policy, run_loop


class FixedUnits(Policy[Batch, list[Outcome]]):
    """Runs given units.

    Args:
        units: what to run.
        n_workers: how many fits run at once.
        received: gets the outcomes of each batch that ends.
        display: shows that time passes; None: there is none.
        deadline: after which nothing is begun; None: there is none.
    """

    def __init__(
        self,
        units: list[Unit],
        n_workers: int,
        received: Callable[[list[Outcome]], None],
        display: ProgressDisplay | None,
        deadline: Deadline | None = None,
    ) -> None:
        self._deadline = deadline
        self._sizer = BatchSizer() if deadline is None else deadline.sizer
        self._batches = batches(units, self._sizer, n_workers)
        self._received = received
        self._display = display

    def next(self) -> Batch | None:
        if self._deadline is not None and self._deadline.passed:
            return None
        return next(self._batches, None)

    def ended(self, events: list[list[Outcome]]) -> None:
        for outcomes in events:
            self._sizer.observe(outcomes)
            self._received(outcomes)

    def tick(self) -> None:
        if self._display is not None:
            self._display.tick()


def run_all(
    pool: Pool,
    units: list[Unit],
    pre_dispatch: int | str,
    received: Callable[[list[Outcome]], None],
    display: ProgressDisplay | None,
    deadline: Deadline | None = None,
) -> None:
    """Run all units.

    Args:
        pool: where, prepared.
        units: what to run.
        pre_dispatch: how far ahead to send work, as scikit-learn has it.
        received: is called in this thread with the outcomes of each batch that ends.
        display: shows that time passes; None: there is none.
        deadline: after which nothing is begun; None: there is none.
    """
    pool.capacity = math.inf  # where joblib runs all that it is given before it returns
    if pool.inline or pool.streams:
        pool.capacity = 1.0 if pool.inline else dispatch_limit(pre_dispatch, pool.n_workers)
    run_loop(pool, FixedUnits(units, pool.n_workers, received, display, deadline))
