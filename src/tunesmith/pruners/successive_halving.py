"""Asynchronous successive halving (ASHA); the rule and its source are in `tunesmith.pruners.halving`."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves, History
from tunesmith.pruners.arguments import whole, whole_or_auto
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.pruners.halving import Halving, steps_before, steps_of


class SuccessiveHalvingPruner(Pruner):
    """Compares trials at a few steps, the rungs, and lets one in `reduction_factor` go on from each.

    With *promotion*, a trial pauses at each rung unless it is among the best there by now, and goes on when it is: no
    trial is lost because it came early. That is right where going on costs little, so by default it is used once
    the objective saves checkpoints. Else trials are *stopped*: one goes on if at the moment it reaches the rung it is
    among the best so far.

    A trial whose value at a rung is NaN is stopped.

    With several objectives, the trials at a rung are ordered by fronts: those that none dominates, those that none of
    the rest dominates, and so on; within a front the least crowded first (Schmucker et al., "Multi-objective
    Asynchronous Successive Halving", arXiv 2106.12639, 2021). No trial on the front is stopped.

    Args:
        min_resource: the step of the first rung. ``"auto"``: rungs are counted back from the end of a trial, and the
            first is not before an 81st part of it. Nothing is judged before it is known when trials end, and never at
            the first report of a trial, which says little.
        reduction_factor: from one rung to the next, this many times as many steps, and one trial in so many.
        min_early_stopping_rate: how many rungs are left out at the beginning.
        bootstrap_count: no trial goes on from a rung until more than so many have reached it.
        promotion: True: trials pause and go on; False: they are stopped; None: as the objective has checkpoints or not.
        max_resource: the step at which a trial ends, where no rung is needed; None: that of the longest complete trial
            so far. With promotion, nothing is judged before one of them is known.

    Raises:
        TypeError: an argument is no whole number, or `promotion` is no bool.
        ValueError: an argument is too small.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import SuccessiveHalvingPruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(1, 28):
                trial.report((1 - rate) ** epoch, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (1 - rate) ** 27

        study = tunesmith.create_study(pruner=SuccessiveHalvingPruner(min_resource=3, max_resource=27), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "halving"
    several = True

    @checked("min_resource", "max_resource")
    def __init__(
        self,
        min_resource: int | Literal["auto"] = "auto",
        reduction_factor: int = 3,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
        *,
        promotion: bool | None = None,
        max_resource: int | None = None,
    ) -> None:
        own = type(self).__name__
        self.min_resource = whole_or_auto(1, own, "min_resource", min_resource)
        self.reduction_factor = whole(2, own, "reduction_factor", reduction_factor)
        self.min_early_stopping_rate = whole(0, own, "min_early_stopping_rate", min_early_stopping_rate)
        self.bootstrap_count = whole(0, own, "bootstrap_count", bootstrap_count)
        self.promotion = checked_promotion(own, promotion)
        self.max_resource = None if max_resource is None else whole(1, own, "max_resource", max_resource)
        self.resumes = promotion is not False

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Compare a trial with the others at a rung that it has just reached.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            CONTINUE between rungs and for the best; else PAUSE with promotion, and STOP without.
        """
        pauses = self._promotes(curves)
        return self._halving(curves, pauses).decide(curves, number, step, pauses)

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        """Choose the paused trial that is among the best at the highest rung.

        Args:
            history: the study so far.
            rng: not used.
            may_begin: makes no difference: a promotion comes before a new trial.

        Returns:
            Its number; None: no paused trial is good enough by now.
        """
        if not self._promotes(history.curves):
            return None
        found = self._halving(history.curves, True).promotable(history, set(history.paused))
        return None if found is None else found[1]

    def _promotes(self, curves: Curves) -> bool:
        return curves.can_resume if self.promotion is None else self.promotion

    def _halving(self, curves: Curves, pauses: bool) -> Halving:
        eta, rate, end = self.reduction_factor, self.min_early_stopping_rate, self.max_resource
        if end is None and (pauses or self.min_resource is None):
            end = curves.ends.last
            if end is None:
                return Halving((), eta)
        if self.min_resource is not None:
            steps = steps_of(self.min_resource, end, eta, rate)
        else:
            first = curves.ends.first or 0
            steps = tuple(s for s in steps_before(end or 0, eta)[rate:] if s > first)
        return Halving(steps, eta, bootstrap=self.bootstrap_count)


def checked_promotion(pruner: str, promotion: bool | None) -> bool | None:
    """Return the argument `promotion` of a pruner; an error if it is none."""
    if promotion is not None and not isinstance(promotion, bool):
        raise TypeError(f"{pruner}: promotion must be True, False or None; got {promotion!r}")
    return promotion
