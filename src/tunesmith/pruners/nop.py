"""No pruning."""

from __future__ import annotations

from typing import ClassVar

from tunesmith.history import Curves
from tunesmith.pruners.base import Decision, Pruner


class NopPruner(Pruner):
    """Lets every trial run to its end.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import NopPruner

        study = tunesmith.create_study(pruner=NopPruner())
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        ```
    """

    name: ClassVar[str] = "nop"
    several = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Let the trial go on.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            CONTINUE.
        """
        return Decision.CONTINUE
