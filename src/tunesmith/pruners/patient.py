"""Patience, as in training loops, alone or as a condition for another pruner; after Optuna's of the same name."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves, History
from tunesmith.pruners.arguments import in_range, whole
from tunesmith.pruners.base import Decision, Pruner


class PatientPruner(Pruner):
    """Lets another pruner decide only about trials that have not become better for some reports.

    Args:
        wrapped_pruner: who decides then; None: the trial is stopped.
        patience: a trial goes on as long as one of its last `patience` + 1 reports is as good as the best before them.
            NaN is never good. With several objectives it is enough if that is so in one of them.
        min_delta: by how much these may be worse and still count as good; 0 or more.

    Raises:
        TypeError: `wrapped_pruner` is no pruner, `patience` no whole number, or `min_delta` no number.
        ValueError: `patience` or `min_delta` is below 0.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import MedianPruner, PatientPruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(10):
                trial.report((epoch / 10 - rate) ** 2, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (0.9 - rate) ** 2

        study = tunesmith.create_study(pruner=PatientPruner(MedianPruner(), patience=2), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "patient"
    several = True

    @checked("wrapped_pruner")
    def __init__(self, wrapped_pruner: Pruner | None = None, patience: int = 5, min_delta: float = 0.0) -> None:
        own = type(self).__name__
        if not isinstance(wrapped_pruner, Pruner | None):
            raise TypeError(f"{own}: wrapped_pruner must be a pruner or None; got {wrapped_pruner!r}")
        self.wrapped_pruner = wrapped_pruner
        self.patience = whole(0, own, "patience", patience)
        self.min_delta = in_range(own, "min_delta", min_delta, 0, np.inf)
        self.resumes = wrapped_pruner is not None and wrapped_pruner.resumes
        self.weighs_starts = wrapped_pruner is not None and wrapped_pruner.weighs_starts

    def check_objectives(self, objectives: int) -> None:
        """Ask the wrapped pruner.

        Args:
            objectives: how many the study has.

        Raises:
            ValueError: it cannot decide for so many.
        """
        if self.wrapped_pruner is not None:
            self.wrapped_pruner.check_objectives(objectives)

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Look whether a trial still becomes better, and if not, let the wrapped pruner decide.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            CONTINUE, or what the wrapped pruner says.
        """
        _, values = curves.of(number)
        if len(values) <= self.patience + 1:
            return Decision.CONTINUE
        before = np.fmin.reduce(values[: -self.patience - 1])
        lately = np.fmin.reduce(values[-self.patience - 1 :])
        if np.any((lately <= before + self.min_delta) | (np.isnan(before) & ~np.isnan(lately))):
            return Decision.CONTINUE
        if self.wrapped_pruner is None:
            return Decision.STOP
        return self.wrapped_pruner.decide(curves, number, step)

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        """Let the wrapped pruner choose which paused trial goes on.

        Args:
            history: the study so far.
            rng: random numbers.
            may_begin: whether a new trial may begin.

        Returns:
            What it says; None if there is none.
        """
        return None if self.wrapped_pruner is None else self.wrapped_pruner.resume(history, rng, may_begin)
