"""The signed-rank test as a pruner for objectives that average over instances; after Optuna's of the same name.

The test is from Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.rank_tests import signed_rank_p
from tunesmith.history import Curves
from tunesmith.pruners.arguments import in_range, whole
from tunesmith.pruners.base import Decision, Pruner


class WilcoxonPruner(Pruner):
    """Stops a trial that a paired test finds worse than the best complete one, on the instances that both have.

    For objectives whose value is the mean over instances: folds, seeds, problems. Each instance is reported as a step,
    with the value on it alone. The order of instances makes no difference, and may be shuffled in each trial. The best
    trial is the complete one with the lowest mean of what it reported (the highest, where the study maximises). A trial
    whose mean is better on the instances that both have goes on, whatever the test says.

    Instances on which either trial has no finite value are left out.

    Args:
        p_threshold: 0 to 1; below this p-value a trial is stopped.
        n_startup_steps: the number of instances from which on it is tested; at least two are needed in any case.

    Raises:
        TypeError: `p_threshold` is no number, or `n_startup_steps` no whole number.
        ValueError: an argument is out of its range.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import WilcoxonPruner

        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            losses = []
            for instance in range(10):
                losses.append((x - 0.5) ** 2 + 0.01 * instance)
                trial.report(losses[-1], instance)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return sum(losses) / len(losses)

        study = tunesmith.create_study(pruner=WilcoxonPruner(p_threshold=0.1), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "wilcoxon"

    @checked()
    def __init__(self, p_threshold: float = 0.1, n_startup_steps: int = 2) -> None:
        own = type(self).__name__
        self.p_threshold = in_range(own, "p_threshold", p_threshold, 0, 1)
        self.n_startup_steps = whole(0, own, "n_startup_steps", n_startup_steps)

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Test a trial against the best complete one.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP if it is worse, else CONTINUE.
        """
        best = curves.ends.best_on_average
        if best is None or best == number:
            return Decision.CONTINUE
        (steps, values), (their_steps, theirs) = curves.of(number), curves.of(best)
        _, mine, other = np.intersect1d(steps, their_steps, assume_unique=True, return_indices=True)
        with np.errstate(invalid="ignore", over="ignore"):
            worse = values[mine] - theirs[other]
            worse = worse[np.isfinite(worse)]
            if len(worse) < max(2, self.n_startup_steps) or not np.mean(worse) > 0:
                return Decision.CONTINUE
        return Decision.STOP if signed_rank_p(-worse) < self.p_threshold else Decision.CONTINUE
