"""The median rule of Golovin et al., "Google Vizier", KDD 2017, section 3.2.2, in the form that Optuna gave it.

There the best value of the trial meets the median of the others' *running averages*, here that of their values at the
same step, so that curves which begin badly and end well do not lower the bar for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tunesmith.history import Curves
from tunesmith.pruners.base import Decision, Pruner


class MedianPruner(Pruner):
    """Stops a trial whose best value so far is worse than the median of what complete trials reported at this step.

    Pruned and failed trials are not in the median: a curve that was cut because it was bad must not make the next one
    look good. A trial that has reported nothing but NaN is stopped as soon as the rule applies at all.

    Args:
        n_startup_trials: the rule applies from this many complete trials (with reports) on.
        n_warmup_steps: the first step, counted from 0, at which a trial may be stopped.
        interval_steps: how many steps lie between two looks, counted from `n_warmup_steps`; where nothing is reported
            at that step, the next report is looked at.
        n_min_trials: at how many complete trials' values, NaN not counted, a step is judged at all.

    Raises:
        TypeError: an argument is no whole number.
        ValueError: an argument is too small.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import MedianPruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(10):
                trial.report((1 - rate) ** epoch, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (1 - rate) ** 10

        study = tunesmith.create_study(pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=2), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "median"

    def __init__(
        self,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        self.n_startup_trials = _at_least(0, "n_startup_trials", n_startup_trials)
        self.n_warmup_steps = _at_least(0, "n_warmup_steps", n_warmup_steps)
        self.interval_steps = _at_least(1, "interval_steps", interval_steps)
        self.n_min_trials = _at_least(1, "n_min_trials", n_min_trials)

    def decide(self, curves: Curves, trial_number: int, step: int) -> Decision:
        """Compare a trial with the others at its last step.

        Args:
            curves: the reports of all trials.
            trial_number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP if the trial's best value is worse than the median, else CONTINUE.
        """
        if curves.n_complete < max(1, self.n_startup_trials) or step < self.n_warmup_steps:
            return Decision.CONTINUE
        steps, values = curves.of(trial_number)
        if not len(steps):
            return Decision.CONTINUE
        before = steps[steps != step]
        since_warmup = step - self.n_warmup_steps
        due = self.n_warmup_steps + since_warmup // self.interval_steps * self.interval_steps
        if len(before) and before[-1] >= due:  # this interval has been judged
            return Decision.CONTINUE
        best = float(np.fmin.reduce(values))
        if best != best:
            return Decision.STOP
        others = curves.complete_at(step)
        if len(others) < self.n_min_trials:
            return Decision.CONTINUE
        return Decision.STOP if best > _median(others) else Decision.CONTINUE


def _median(ordered: Sequence[float]) -> float:
    """The median of values in rising order; NaN between two opposite infinities, which no value is worse than."""
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else 0.5 * low + 0.5 * high


def _at_least(least: int, name: str, value: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"MedianPruner: {name} must be a whole number; got {value!r}")
    if value < least:
        raise ValueError(f"MedianPruner: {name} must be at least {least}; got {value!r}")
    return int(value)
