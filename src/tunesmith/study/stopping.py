"""Lets ``optimize`` end by itself, and keeps why it did."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.history import History
from tunesmith.space import Space

if TYPE_CHECKING:
    from tunesmith.selection.converged import Convergence
    from tunesmith.study.study import Study

STOPPED = "stopped"
AGREEING = 2  # looks in a row that must say so: one may be deceived by a fit that went astray


@dataclass(slots=True)
class Stopping:
    """A callback that ends ``optimize`` when the search has converged.

    Attributes:
        looked: the number of trials with a value at the last look. Those that were pruned count: where nearly all are,
            because none is as good, a search is at its end.
        agreed: how many looks in a row said that it has.
        noise: gives the standard deviation of a result, if it is known otherwise than from the model; None: it is not.
    """

    looked: int = 0
    agreed: int = 0
    noise: Callable[[], float | None] | None = None

    @property
    def over(self) -> bool:
        """Whether the search has converged."""
        return self.agreed >= AGREEING

    def __call__(self, study: Study, trial: Any = None) -> None:
        """Look, if it is time to."""
        from tunesmith.selection.converged import fewest, is_due

        history = study.history
        space = history.space
        if space is None:
            return
        usable = history.feasible & np.isfinite(history.y[:, 0])
        n = int(usable.sum())
        if (history.complete & usable).sum() < fewest(len(space)) or not is_due(n, self.looked):
            return
        found = look(history, space, None if self.noise is None else self.noise())
        self.looked = n
        self.agreed = self.agreed + 1 if found.converged else 0
        if self.over:
            study._stop = True
            record(study, found, n)


def stopping(study: Study, stop: Any) -> Stopping:
    """Return the callback for `stop`.

    Raises:
        ValueError: there is no such rule.
        RuntimeError: the study has several objectives.
    """
    if stop != "converged":
        raise ValueError(f'stop= takes "converged" or None; got {stop!r}')
    study._single('optimize(stop="converged")', "optimize with n_trials or timeout")
    return Stopping(agreed=AGREEING - 1 if study._stopped is not None else 0)  # to look once is enough, if it had ended


def look(history: History, space: Space, noise: float | None = None) -> Convergence:
    """Ask a Gaussian process over the trials with a value, whatever the sampler is, what can still be gained.

    Pruned trials show where nothing is to be gained; what they came to is no value to have in hand.

    Takes about 20 ms with 50 trials and a second with 400, from where on it uses a part of them.

    Args:
        history: the trials, with :func:`tunesmith.samplers.gp.surrogate.enough` of them.
        space: what they searched.
        noise: standard deviation of a result, if it is known, as of cross-validation by
            :func:`tunesmith.selection.converged.fold_noise`; None: the process's own.
    """
    from tunesmith.samplers.gp.surrogate import Surrogate
    from tunesmith.selection.converged import converged, width

    model = Surrogate(history, space, pruned=True)
    k = width(len(model.rows), model.d)
    _, upper = model.interval(model.at.mean, model.at.sd, k)
    at_hand = model.feasible & history.complete[model.rows]
    best = upper[at_hand if at_hand.any() else model.feasible]
    return converged(best, [model.lowest(k)], model.noise if noise is None else noise)


def record(study: Study, found: Convergence, n: int) -> None:
    """Note in the study why it stopped."""
    left = 0.0 if math.isnan(found.gap) else found.gap
    reason = (
        f"after {n} trials with a value, what could still be gained is less than the noise of a result "
        f"({found.noise:.3g})"
    )
    study._stopped = {"reason": reason, "left": left, "noise": found.noise, "n": n}
    study.set_system_attr(STOPPED, study._stopped)


def forget(study: Study) -> None:
    """Drop why the study stopped the last time: it goes on."""
    if study._stopped is not None:
        study._stopped = None
        study.set_system_attr(STOPPED, None)
