"""The rule of asynchronous successive halving (ASHA), with promotion or with stopping.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, is the source; stopping is as in Optuna.

Symbols: eta is the reduction factor, R the step at which a run ends. A *rung* is a step at which trials are compared;
at each, one in eta goes on to the next. Runs that pass a rung and are not compared there (R was not known yet) are
compared at the next.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from tunesmith.history import History
from tunesmith.history.curves import Curves, Group, Rung
from tunesmith.pruners.arguments import at_least
from tunesmith.pruners.base import Decision, Pruner

FIRST_RUNG_PART = 81  # the first rung is not before R / 81, four rungs below the end with eta = 3


@dataclass(frozen=True, slots=True)
class Halving:
    """The rungs of a group of trials, and who goes on from each.

    Attributes:
        steps: of the rungs, rising.
        eta: one in so many goes on.
        group: the trials that are compared; None: all.
        bootstrap: from a rung nobody goes on until more trials than this have reached it.
    """

    steps: tuple[int, ...]
    eta: int
    group: Group | None = None
    bootstrap: int = 0

    def decide(self, curves: Curves, number: int, step: int, pauses: bool) -> Decision:
        """Decide about a trial at each rung that its last report is the first to reach.

        Args:
            step: of its last report.
            pauses: whether a trial that does not go on now may do so later, when more have reached the rung.
        """
        due = [s for s in self.steps if s <= step]
        if not due:
            return Decision.CONTINUE
        steps, values = curves.of(number)
        before = max((s for s in steps.tolist() if s != step), default=-1)
        due = [s for s in due if s > before]
        if not due or not len(steps):
            return Decision.CONTINUE
        if np.isnan(values[steps == step]).all():
            return Decision.STOP
        for at in due:
            rung = curves.rung(at, self.group)
            if pauses and number not in rung.best(self._promoted(rung)):
                return Decision.PAUSE
            if not pauses and (len(rung) <= self.bootstrap or self._is_behind(rung, number)):
                return Decision.STOP
        return Decision.CONTINUE

    def promotable(self, history: History, paused: set[int]) -> tuple[int, int] | None:
        """Return the highest rung from which a paused trial may go on, and its number; None: no trial may."""
        curves = history.curves
        mine = {n for n in paused if self.group is None or n in self.group}
        for place in reversed(range(len(self.steps) if mine else 0)):
            rung = curves.rung(self.steps[place], self.group)
            above = curves.rung(self.steps[place + 1], self.group) if place + 1 < len(self.steps) else None
            for number in rung.best(self._promoted(rung)):
                if number in mine and (above is None or number not in above):
                    return self.steps[place], number
        below = [n for n in mine if n not in curves.rung(self.steps[0], self.group)] if self.steps else []
        return (0, min(below)) if below else None  # it paused at what is not a rung any more

    def _is_behind(self, rung: Rung, number: int) -> bool:
        return rung.value(number) > rung.cut(max(1, len(rung) // self.eta))

    def _promoted(self, rung: Rung) -> int:
        return len(rung) // self.eta if len(rung) > self.bootstrap else 0


class HalvingPruner(Pruner):
    """What successive halving and Hyperband share: trials are compared at rungs, each with those of its group."""

    several = True
    reduction_factor: int
    bootstrap_count: int
    promotion: bool | None

    def _take(self, reduction_factor: int, bootstrap_count: int, promotion: bool | None) -> None:
        """Take the arguments that both have."""
        own = type(self).__name__
        self.reduction_factor = at_least(2, own, "reduction_factor", reduction_factor)
        self.bootstrap_count = at_least(0, own, "bootstrap_count", bootstrap_count)
        self.promotion = promotion
        self.resumes = promotion is not False

    @abstractmethod
    def _halvings(self, curves: Curves, pauses: bool) -> list[Halving]:
        """Return the rungs of each group of trials, as far as they are known.

        Args:
            curves: the reports of all trials.
            pauses: whether trials pause at rungs; else they are stopped.
        """

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Compare a trial with the others of its group at a rung that it has just reached.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            CONTINUE between rungs and for the best; else PAUSE with promotion, and STOP without.
        """
        pauses = self._promotes(curves)
        for halving in self._halvings(curves, pauses):
            if halving.group is None or number in halving.group:
                return halving.decide(curves, number, step, pauses)
        return Decision.CONTINUE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        """Choose the paused trial that is among the best at the highest rung of its group.

        Args:
            history: the study so far.
            rng: not used.
            may_begin: makes no difference: a promotion comes before a new trial.

        Returns:
            Its number; None: no paused trial is good enough by now.
        """
        if not self._promotes(history.curves):
            return None
        paused = set(history.paused)
        found = [h.promotable(history, paused) for h in self._halvings(history.curves, True)] if paused else []
        return max((f for f in found if f is not None), default=(0, None))[1]

    def _promotes(self, curves: Curves) -> bool:
        return curves.can_resume if self.promotion is None else self.promotion


def steps_before(end: int, eta: int, share: float = FIRST_RUNG_PART) -> tuple[int, ...]:
    """Return the steps of the rungs when the last is at R / eta, so that none is near the end of a run.

    Args:
        end: R.
        eta: the factor from one rung to the next.
        share: the first rung is not before R divided by this.
    """
    steps: set[int] = set()
    part = eta
    while part <= min(share, end):
        steps.add(round(end / part))
        part *= eta
    return tuple(sorted(steps))


def steps_of(lowest: int, end: int | None, eta: int, rate: int) -> tuple[int, ...]:
    """Return the steps of the rungs, below the end of a run.

    Args:
        lowest: the step of the first rung there could be.
        end: R; None: not known, and there are as many rungs as steps can have.
        eta: the factor from one rung to the next.
        rate: how many rungs are left out at the beginning.
    """
    steps = []
    step = lowest * eta**rate
    while step < (2**63 if end is None else end):
        steps.append(step)
        step *= eta
    return tuple(steps)
