"""Ends a search that has converged, and stores why."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.history import History
from tunesmith.space import Space
from tunesmith.study.engine.engine import TrialEngine

if TYPE_CHECKING:
    from tunesmith.selection.when_to_stop import Convergence

CHECKS_AGREEING = 2  # checks in a row that must find convergence: the model of one may be a bad fit


@dataclass(slots=True)
class Stopping:
    """Ends ``optimize`` when the search has converged; to be called after each trial.

    Attributes:
        looked: the number of trials with a value at the last check. Pruned trials count: where nearly all are pruned,
            because none is as good, a search has converged.
        agreed: how many checks in a row found convergence.
        noise: gives the standard deviation of a result, if it is known otherwise than from the model; None: it is not.
    """

    engine: TrialEngine
    looked: int = 0
    agreed: int = 0
    noise: Callable[[], float | None] | None = None

    @classmethod
    def stored(cls, engine: TrialEngine) -> Stopping:
        """Return what the last check left, so that an interrupted search is checked where it would have been."""
        checked = engine.study.checked
        if checked is None:  # a study of an earlier version may have converged
            return cls(engine, agreed=0 if engine.study.stopped is None else CHECKS_AGREEING - 1)
        return cls(engine, int(checked.get("looked", 0)), int(checked.get("agreed", 0)))

    def reopen(self) -> None:
        """Let a search that has converged go on, unless one more check finds that it has."""
        if self.over:
            self.looked, self.agreed = 0, CHECKS_AGREEING - 1

    @property
    def over(self) -> bool:
        """Whether the search has converged."""
        return self.agreed >= CHECKS_AGREEING

    def __call__(self) -> None:
        """Check for convergence, if enough trials have ended since the last check."""
        from tunesmith.selection.when_to_stop import is_due, min_trials

        engine = self.engine
        history = engine.study.current_history()
        space = history.space
        if space is None:
            return
        usable = history.feasible & np.isfinite(history.y[:, 0])
        n = int(usable.sum())
        if (history.complete & usable).sum() < min_trials(len(space)) or not is_due(n, self.looked):
            return
        found = look_for_convergence(history, space, None if self.noise is None else self.noise())
        self.looked = n
        self.agreed = self.agreed + 1 if found.converged else 0
        if self.over:
            engine.stop_requested = True
            engine.study.set_stopped(_stop_record(found, n))
        engine.study.set_checked({"looked": n, "agreed": self.agreed})  # last: a check that was cut short is made again


def stopping(engine: TrialEngine, stop: Any) -> Stopping:
    """Return what looks after each trial whether `stop` applies.

    Raises:
        ValueError: there is no such rule.
        RuntimeError: the study has several objectives.
    """
    if stop != "converged":
        raise ValueError(f'stop= takes "converged" or None; got {stop!r}')
    engine.study.check_single_objective('optimize(stop="converged")', "optimize with n_trials or timeout")
    return Stopping.stored(engine)


def look_for_convergence(history: History, space: Space, noise: float | None = None) -> Convergence:
    """Return what a Gaussian process over the trials with a value expects a longer search to gain.

    Pruned trials show where there is nothing to gain; their own values do not count as found.

    It takes about 20 ms with 50 trials and a second with 400; of more trials it uses a part.

    Args:
        history: the trials, with `tunesmith.samplers.gp.surrogate.has_enough_trials` of them.
        space: what they searched.
        noise: standard deviation of a result, if it is known, as of cross-validation by
            `tunesmith.selection.when_to_stop.fold_noise`; None: the process's own.
    """
    from tunesmith.samplers.gp.surrogate import Surrogate
    from tunesmith.selection.when_to_stop import bound_width, converged

    model = Surrogate(history, space, pruned=True)
    k = bound_width(len(model.rows), model.d)
    _, upper = model.interval(model.at.mean, model.at.sd, k)
    at_hand = model.feasible & history.complete[model.rows]
    best = upper[at_hand if at_hand.any() else model.feasible]
    return converged(best, [model.lowest(k)], model.noise if noise is None else noise)


def _stop_record(found: Convergence, n: int) -> dict[str, Any]:
    """Return what is kept of why the study stopped."""
    left = 0.0 if math.isnan(found.gap) else found.gap
    reason = (
        f"after {n} trials with a value, what could still be gained is less than the noise of a result "
        f"({found.noise:.3g})"
    )
    return {"reason": reason, "left": left, "noise": found.noise, "n": n}
