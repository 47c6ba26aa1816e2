"""Hyperband: Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18, 2018.

Its brackets are filled side by side, each with an asynchronous halving of its own, as in Optuna.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Literal

from tunesmith.foundation.arguments import checked
from tunesmith.history import Curves
from tunesmith.pruners.arguments import at_least, at_least_or_auto
from tunesmith.pruners.halving import Halving, HalvingPruner, steps_before

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


class HyperbandPruner(HalvingPruner):
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
        TypeError: an argument is not a whole number, or `promotion` not a bool.
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

    @checked()
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
        self.min_resource = at_least(1, own, "min_resource", min_resource)
        self.max_resource = at_least_or_auto(1, own, "max_resource", max_resource)
        self._take(reduction_factor, bootstrap_count, promotion)

    def _halvings(self, curves: Curves, pauses: bool) -> list[Halving]:
        """Return the rungs of each bracket; none as long as it is not known when trials end."""
        budgets, steps = self.budgets(curves), self._rungs(curves)
        brackets = [Bracket(index, budgets) for index in range(len(budgets))]
        return [Halving(steps[b.index :], self.reduction_factor, b, self.bootstrap_count) for b in brackets]

    def budgets(self, curves: Curves) -> tuple[int, ...]:
        """Return how many trials each bracket gets in proportion; none as long as it is not known when trials end.

        Args:
            curves: the reports of all trials.
        """
        end = self._end(curves)
        if end < self.min_resource:
            return ()
        n = len(self._rungs(curves)) + 1
        return tuple(-(-n * self.reduction_factor**s // (s + 1)) for s in reversed(range(n)))

    def _end(self, curves: Curves) -> int:
        """Return the step at which a trial ends; 0: it is not known."""
        return (curves.ends.last or 0) if self.max_resource is None else self.max_resource

    def _rungs(self, curves: Curves) -> tuple[int, ...]:
        end = self._end(curves)
        return steps_before(end, self.reduction_factor, end / self.min_resource)


def bracket_of(number: int, budgets: tuple[int, ...]) -> int:
    """Return the bracket of a trial: any stretch of numbers is shared out nearly as the budgets say."""
    ends = list(accumulate(budgets))
    return min(bisect_right(ends, (number * GOLDEN + 0.5) % 1.0 * ends[-1]), len(budgets) - 1)
