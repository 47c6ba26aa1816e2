"""Fixed limits for what a trial may report, as in Optuna."""

from __future__ import annotations

import math
from operator import gt
from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves
from tunesmith.pruners.arguments import in_range
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.pruners.percentile import Schedule

LimitOrEach = float | list[float | None] | tuple[float | None, ...] | None


class ThresholdPruner(Pruner):
    """Stops a trial whose last value is outside fixed limits, or NaN.

    It needs no other trials. With no limits, it stops what diverges to NaN, and nothing else.

    Args:
        lower: the lowest value that may be reported, whether the study minimises or maximises; None: any. With several
            objectives a sequence, such as ``(0.1, None)``; a trial is stopped if one of its values is outside.
        upper: the highest one, in the same form.
        n_warmup_steps: the first step, counted from 0, at which a trial may be stopped.
        interval_steps: how many steps lie between two looks, counted from `n_warmup_steps`; where nothing is reported
            at that step, the next report is looked at.

    Raises:
        TypeError: a limit is not a number, or a count not a whole number.
        ValueError: `lower` is above `upper` or has another length, a limit is NaN, or a count is too small.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import ThresholdPruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 3)
            loss = 1.0
            for epoch in range(10):
                loss *= abs(1 - rate)
                trial.report(loss, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return loss

        study = tunesmith.create_study(pruner=ThresholdPruner(upper=2.0), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "threshold"
    several = True

    @checked()
    def __init__(
        self,
        lower: LimitOrEach = None,
        upper: LimitOrEach = None,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        own = type(self).__name__
        self.lower = _limit_of_each(own, "lower", lower, -math.inf)
        self.upper = _limit_of_each(own, "upper", upper, math.inf)
        if len({len(each) for each in (self.lower, self.upper)} - {0}) > 1:
            raise ValueError(f"{own}: lower and upper differ in length; got lower={lower!r}, upper={upper!r}")
        if any(map(gt, self.lower, self.upper)):
            raise ValueError(f"{own}: lower must not be above upper; got lower={lower!r}, upper={upper!r}")
        self.schedule = Schedule.of(own, n_warmup_steps, interval_steps)

    def check_objectives(self, objectives: int) -> None:
        """See that there is a limit for each objective.

        Args:
            objectives: how many there are.

        Raises:
            ValueError: there is not.
        """
        for name, limits in (("lower", self.lower), ("upper", self.upper)):
            if limits and len(limits) != objectives:
                raise ValueError(
                    f"{type(self).__name__}: {name} takes a limit, or None, for each objective; the study has "
                    f"{objectives}, and there are {len(limits)}"
                )

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Compare a trial's last value with the limits.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP if the value is outside, else CONTINUE.
        """
        steps, values = curves.of(number)
        if not self.schedule.due(steps, step):
            return Decision.CONTINUE
        last = np.atleast_1d(values[steps == step][0]) * curves.signs
        low, high = self.lower or (-math.inf,), self.upper or (math.inf,)
        return Decision.CONTINUE if bool(((low <= last) & (last <= high)).all()) else Decision.STOP


def _limit_of_each(pruner: str, name: str, given: LimitOrEach, none: float) -> tuple[float, ...]:
    """Return the limit of each objective; an empty tuple: there is none."""
    if given is None:
        return ()
    each = list(given) if hasattr(given, "__iter__") else [given]  # an array is a list here
    return tuple(none if limit is None else in_range(pruner, name, limit, -math.inf, math.inf) for limit in each)
