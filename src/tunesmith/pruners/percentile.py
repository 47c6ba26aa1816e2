"""At which reports a rule looks at a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.history import Curves
from tunesmith.pruners.arguments import in_range, whole
from tunesmith.pruners.base import Decision, Pruner


@dataclass(frozen=True, slots=True)
class Schedule:
    """Looks at a trial from a step on, and once in so many steps.

    Attributes:
        warmup: the first step, counted from 0, at which it is looked at.
        interval: how many steps lie between two looks, counted from `warmup`; where nothing is reported at that step,
            the next report is looked at.
    """

    warmup: int
    interval: int

    def due(self, steps: NDArray[np.int64], step: int) -> bool:
        """Tell whether a trial is looked at now.

        Args:
            steps: at which it reported, in order, int64[k].
            step: of its last report.
        """
        if step < self.warmup or not len(steps):
            return False
        since = self.warmup + (step - self.warmup) // self.interval * self.interval
        before = steps[steps != step]
        return not len(before) or bool(before[-1] < since)


class PercentilePruner(Pruner):
    """Stops a trial whose best value so far is worse than a percentile of what complete trials reported at this step.

    Pruned and failed trials do not count: a curve that was cut because it was bad must not make the next one look good.
    A trial that has reported nothing but NaN is stopped as soon as the rule applies at all.

    With several objectives, a trial is stopped whose best value so far is worse than the percentile in every one, and
    no better in any than some complete trial at this step. NaN counts as infinity.

    Args:
        percentile: 0 to 100. A trial goes on while its best value is among so many percent of the best: 25 keeps the
            best quarter. 50 is `MedianPruner`.
        n_startup_trials: the rule applies from this many complete trials (with reports) on.
        n_warmup_steps: the first step, counted from 0, at which a trial may be stopped.
        interval_steps: how many steps lie between two looks, counted from `n_warmup_steps`; where nothing is reported
            at that step, the next report is looked at.
        n_min_trials: at how many complete trials' values, NaN not counted, a step is judged at all.

    Raises:
        TypeError: an argument is no number, or no whole number.
        ValueError: an argument is out of its range.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import PercentilePruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(10):
                trial.report((1 - rate) ** epoch, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (1 - rate) ** 10

        study = tunesmith.create_study(pruner=PercentilePruner(25, n_startup_trials=5), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "percentile"
    several = True

    @checked()
    def __init__(
        self,
        percentile: float = 25.0,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        own = type(self).__name__
        self.percentile = in_range(own, "percentile", percentile, 0, 100)
        self.n_startup_trials = whole(0, own, "n_startup_trials", n_startup_trials)
        self.n_min_trials = whole(1, own, "n_min_trials", n_min_trials)
        self.schedule = Schedule(
            whole(0, own, "n_warmup_steps", n_warmup_steps), whole(1, own, "interval_steps", interval_steps)
        )

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Compare a trial with the others at its last step.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP if the trial's best value is worse than the percentile, else CONTINUE.
        """
        if curves.n_complete < max(1, self.n_startup_trials):
            return Decision.CONTINUE
        steps, values = curves.of(number)
        if not self.schedule.due(steps, step):
            return Decision.CONTINUE
        if np.isnan(values).all():
            return Decision.STOP
        if curves.objectives > 1:
            return self._decide_for_several(curves, values, step)
        best = float(np.fmin.reduce(values))
        others = curves.complete_at(step)
        if len(others) < self.n_min_trials:
            return Decision.CONTINUE
        return Decision.STOP if best > _percentile(others, self.percentile) else Decision.CONTINUE

    def _decide_for_several(self, curves: Curves, values: Floats, step: int) -> Decision:
        """Stop a trial that is worse than the percentile in every objective, if another one dominates it.

        The latter is not the same: the middle of a front that bends inwards can be worse than the median in each.
        """
        best, others = np.fmin.reduce(values), curves.points_at(step)
        if len(others) < self.n_min_trials:
            return Decision.CONTINUE
        best = np.where(np.isnan(best), np.inf, best)
        bars = [_percentile(np.sort(column).tolist(), self.percentile) for column in others.T]
        dominates = (others <= best).all(axis=1) & (others < best).any(axis=1)
        return Decision.STOP if (best > bars).all() and dominates.any() else Decision.CONTINUE


def _percentile(ordered: Sequence[float], percent: float) -> float:
    """A percentile of values in rising order; NaN between two opposite infinities, which no value is worse than."""
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    part = place - below
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low if low == high or part == 0 else (1 - part) * low + part * high
