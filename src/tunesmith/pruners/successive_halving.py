"""Asynchronous successive halving (ASHA); the rule and its source are in `tunesmith.pruners.halving`."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves
from tunesmith.pruners.arguments import at_least, at_least_or_auto
from tunesmith.pruners.halving import Halving, HalvingPruner, steps_before, steps_of


class SuccessiveHalvingPruner(HalvingPruner):
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
        TypeError: an argument is not a whole number, or `promotion` not a bool.
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

    @checked()
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
        self.min_resource = at_least_or_auto(1, own, "min_resource", min_resource)
        self.min_early_stopping_rate = at_least(0, own, "min_early_stopping_rate", min_early_stopping_rate)
        self.max_resource = None if max_resource is None else at_least(1, own, "max_resource", max_resource)
        self._take(reduction_factor, bootstrap_count, promotion)

    def _halvings(self, curves: Curves, pauses: bool) -> list[Halving]:
        """Return the rungs of all trials; none while they are counted back from an end that is not known."""
        eta, rate, end = self.reduction_factor, self.min_early_stopping_rate, self.max_resource
        if end is None and (pauses or self.min_resource is None):
            end = curves.ends.last
            if end is None:
                return []
        if self.min_resource is not None:
            steps = steps_of(self.min_resource, end, eta, rate)
        else:
            first = curves.ends.first or 0
            steps = tuple(s for s in steps_before(end or 0, eta)[rate:] if s > first)
        return [Halving(steps, eta, bootstrap=self.bootstrap_count)]
