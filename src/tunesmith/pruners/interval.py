"""Ends each trial after an interval: what trains a population in turns."""

from __future__ import annotations

from typing import ClassVar

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves
from tunesmith.pruners.base import Decision, Pruner


class IntervalPruner(Pruner):
    """Stops each trial after a number of reports, however good it is; population-based training goes on from there.

    Args:
        interval: how many reports.

    Raises:
        ValueError: it is less than 1.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import IntervalPruner

        study = tunesmith.create_study(pruner=IntervalPruner(3))
        trial = study.ask()
        for step in range(3):
            trial.report(1.0, step)
        assert trial.should_prune()
        ```
    """

    name: ClassVar[str] = "interval"
    several = True

    @checked()
    def __init__(self, interval: int = 5) -> None:
        if interval < 1:
            raise ValueError(f"IntervalPruner: interval must be 1 or more; got {interval!r}")
        self.interval = interval

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Stop a trial that has made its reports.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP after `interval` reports, else CONTINUE.
        """
        return Decision.STOP if curves.size(number) >= self.interval else Decision.CONTINUE
