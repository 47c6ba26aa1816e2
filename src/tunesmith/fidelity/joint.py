"""The joint decision for a study: what the pruner and the sampler of the default both ask, each for its part.

The pruner asks whether a paused trial goes on, and the sampler then where a new one begins. Both answers come from one
decision, which is kept for as long as the study stays as it is.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from tunesmith.fidelity.from_history import runs_of
from tunesmith.fidelity.policy import FidelityPolicy
from tunesmith.fidelity.runs import Action, Resume, Start
from tunesmith.history import History
from tunesmith.numerics.arrays import Floats
from tunesmith.space import Space


class _Kept:
    """What is kept of a study: fits, and the last decision. A study without it decides the same."""

    def __init__(self) -> None:
        self.policy = FidelityPolicy()
        self.key: tuple[object, ...] = ()
        self.action: Action | None = None


_kept: WeakKeyDictionary[History, _Kept] = WeakKeyDictionary()


def decide(history: History, space: Space, rng: np.random.Generator) -> Action:
    """Return what a free worker trains next: a paused trial, or a new one at a point.

    Args:
        history: the study so far.
        space: what is searched.
        rng: the source of randomness; it is used up only if the decision was not made before with the same.
    """
    kept = _kept.setdefault(history, _Kept())
    key = (*_state_of(history), space, repr(rng.bit_generator.state))
    if kept.action is None or kept.key != key:
        kept.action = kept.policy.decide(runs_of(history, space), space, rng)
        kept.key = key
    return kept.action


def begin(history: History, space: Space, rng: np.random.Generator) -> Floats:
    """Return where a new trial begins [d], whether or not a paused one would be the better use of a worker.

    Args:
        history: the study so far.
        space: what is searched.
        rng: the source of randomness.
    """
    again = np.random.Generator(type(rng.bit_generator)())
    again.bit_generator.state = rng.bit_generator.state
    action = decide(history, space, rng)
    if not isinstance(action, Start):
        action = _kept[history].policy.propose(runs_of(history, space), space, again)
    return action.x


def finish(history: History, space: Space) -> int | None:
    """Return the paused trial that is most likely to end best, where no new one may begin; None: none is.

    Args:
        history: the study so far.
        space: what is searched.
    """
    kept = _kept.setdefault(history, _Kept())
    action: Resume | None = kept.policy.finish(runs_of(history, space), space)
    return None if action is None else action.number


def _state_of(history: History) -> tuple[object, ...]:
    pending = history.pending.number.tolist()
    return len(history), len(history.curves), history.curves.can_resume, tuple(pending), tuple(history.paused)
