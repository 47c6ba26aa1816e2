"""Hyperband: Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18, 2018.

Its brackets are filled side by side, each with an asynchronous halving of its own, as in Optuna.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Literal

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves, History
from tunesmith.pruners.arguments import whole, whole_or_auto
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.pruners.halving import Halving, steps_before
from tunesmith.pruners.successive_halving import checked_promotion

GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples modulo 1 fill [0, 1) evenly, however far they go


@dataclass(frozen=True, slots=True)
class Bracket:
    """The trials of one bracket: which one a trial belongs to follows from its number alone.

    Attributes:
        index: which bracket, the one with the earliest first rung as 0.
        budgets: how many trials each bracket gets in proportion.
    """

    index: int
    budgets: tuple[int, ...]

    def __contains__(self, number: int) -> bool:
        return bracket_of(number, self.budgets) == self.index


class HyperbandPruner(Pruner):
    """Several successive halvings side by side, from one that judges early to one that does not judge at all.

    How early a curve tells anything is different from problem to problem. The rungs are at the end of a trial divided
    by powers of `reduction_factor`. Each trial belongs to a *bracket*, by its number: the first one has all the rungs,
    each further one a rung less at the beginning, and the last none. The trials of a bracket are compared with one
    another. Brackets that judge early have more trials.

    Args:
        min_resource: no rung is before this step.
        max_resource: the step at which a trial ends. ``"auto"``: that of the longest complete trial so far; nothing is
            judged before there is one.
        reduction_factor: from one rung to the next, this many times as many steps, and one trial in so many.
        bootstrap_count: no trial goes on from a rung until more than so many have reached it.
        promotion: as in `SuccessiveHalvingPruner`.

    Raises:
        TypeError: an argument is no whole number, or `promotion` is no bool.
        ValueError: an argument is too small.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import HyperbandPruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(1, 28):
                trial.report((1 - rate) ** epoch, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (1 - rate) ** 27

        study = tunesmith.create_study(pruner=HyperbandPruner(min_resource=1, max_resource=27), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "hyperband"
    several = True

    @checked("min_resource", "max_resource")
    def __init__(
        self,
        min_resource: int = 1,
        max_resource: int | Literal["auto"] = "auto",
        reduction_factor: int = 3,
        bootstrap_count: int = 0,
        *,
        promotion: bool | None = None,
    ) -> None:
        own = type(self).__name__
        self.min_resource = whole(1, own, "min_resource", min_resource)
        self.max_resource = whole_or_auto(1, own, "max_resource", max_resource)
        self.reduction_factor = whole(2, own, "reduction_factor", reduction_factor)
        self.bootstrap_count = whole(0, own, "bootstrap_count", bootstrap_count)
        self.promotion = checked_promotion(own, promotion)
        self.resumes = promotion is not False

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Compare a trial with the others of its bracket at a rung that it has just reached.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            CONTINUE between rungs and for the best; else PAUSE with promotion, and STOP without.
        """
        budgets = self.budgets(curves)
        if not budgets:
            return Decision.CONTINUE
        halving = self._halving(curves, Bracket(bracket_of(number, budgets), budgets))
        return halving.decide(curves, number, step, self._promotes(curves))

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        """Choose the paused trial that is among the best at the highest rung of its bracket.

        Args:
            history: the study so far.
            rng: not used.
            may_begin: makes no difference: a promotion comes before a new trial.

        Returns:
            Its number; None: no paused trial is good enough by now.
        """
        curves = history.curves
        if not self._promotes(curves):
            return None
        budgets, paused = self.budgets(curves), set(history.paused)
        brackets = [Bracket(index, budgets) for index in range(len(budgets))]
        found = [self._halving(curves, b).promotable(history, paused) for b in brackets] if paused else []
        return max((f for f in found if f is not None), default=(0, None))[1]

    def budgets(self, curves: Curves) -> tuple[int, ...]:
        """Return how many trials each bracket gets in proportion; none as long as it is not known when trials end.

        Args:
            curves: the reports of all trials.
        """
        end = self._end(curves)
        if end is None or end < self.min_resource:
            return ()
        n = len(self._rungs(end)) + 1
        return tuple(-(-n * self.reduction_factor**s // (s + 1)) for s in reversed(range(n)))

    def _end(self, curves: Curves) -> int | None:
        return curves.ends.last if self.max_resource is None else self.max_resource

    def _promotes(self, curves: Curves) -> bool:
        return curves.can_resume if self.promotion is None else self.promotion

    def _halving(self, curves: Curves, bracket: Bracket) -> Halving:
        steps = self._rungs(self._end(curves) or 0)[bracket.index :]
        return Halving(steps, self.reduction_factor, bracket, self.bootstrap_count)

    def _rungs(self, end: int) -> tuple[int, ...]:
        return steps_before(end, self.reduction_factor, end / self.min_resource)


def bracket_of(number: int, budgets: tuple[int, ...]) -> int:
    """Return the bracket of a trial: any stretch of numbers is shared out nearly as the budgets say."""
    ends = list(accumulate(budgets))
    return min(bisect_right(ends, (number * GOLDEN + 0.5) % 1.0 * ends[-1]), len(budgets) - 1)
