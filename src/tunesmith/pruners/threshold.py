"""Fixed limits for what a trial may report, as in Optuna."""

from __future__ import annotations

import math
from typing import ClassVar

from tunesmith.history import Curves
from tunesmith.pruners.arguments import number, whole
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.pruners.schedule import Schedule


class ThresholdPruner(Pruner):
    """Stops a trial whose last value is outside fixed limits, or NaN.

    It needs no other trials. With no limits, it stops what diverges to NaN, and nothing else.

    Args:
        lower: the lowest value that may be reported, whether the study minimises or maximises; None: any.
        upper: the highest one; None: any.
        n_warmup_steps: the first step, counted from 0, at which a trial may be stopped.
        interval_steps: how many steps lie between two looks, counted from `n_warmup_steps`; where nothing is reported
            at that step, the next report is looked at.

    Raises:
        TypeError: a limit is no number, or a count no whole number.
        ValueError: `lower` is above `upper`, a limit is NaN, or a count is too small.

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

    def __init__(
        self,
        lower: float | None = None,
        upper: float | None = None,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        own = type(self).__name__
        self.lower = -math.inf if lower is None else number(own, "lower", lower, -math.inf, math.inf)
        self.upper = math.inf if upper is None else number(own, "upper", upper, -math.inf, math.inf)
        if self.lower > self.upper:
            raise ValueError(f"{own}: lower must not be above upper; got lower={lower!r}, upper={upper!r}")
        self.schedule = Schedule(
            whole(0, own, "n_warmup_steps", n_warmup_steps), whole(1, own, "interval_steps", interval_steps)
        )

    def decide(self, curves: Curves, trial_number: int, step: int) -> Decision:
        """Compare a trial's last value with the limits.

        Args:
            curves: the reports of all trials.
            trial_number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP if the value is outside, else CONTINUE.
        """
        steps, values = curves.of(trial_number)
        if not self.schedule.due(steps, step):
            return Decision.CONTINUE
        value = float(values[steps == step][0]) * curves.sign
        return Decision.CONTINUE if self.lower <= value <= self.upper else Decision.STOP
