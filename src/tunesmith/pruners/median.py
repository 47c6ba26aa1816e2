"""The median rule; see `tunesmith.pruners.percentile`."""

from __future__ import annotations

from typing import ClassVar

from tunesmith.foundation.arguments import checked
from tunesmith.pruners.percentile import PercentilePruner


class MedianPruner(PercentilePruner):
    """Stops a trial whose best value so far is worse than the median of what complete trials reported at this step.

    Pruned and failed trials are not in the median: a curve that was cut because it was bad must not make the next one
    look good. A trial that has reported nothing but NaN is stopped as soon as the rule applies at all. With several
    objectives, a trial must be worse than the median in every one, and dominated by a complete trial.

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

    @checked()
    def __init__(
        self,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        super().__init__(50, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials)
