"""A pruner that disturbs a training as often as it can, for tests of what a training keeps when it pauses."""

from __future__ import annotations

import numpy as np

from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner


class EachStep(Pruner):
    """Pauses a trial after each step, and goes on with the first that pauses."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        return history.paused[0] if history.paused else None


class StopsAt(Pruner):
    """Stops each trial at a step.

    Args:
        step: the step.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.STOP if step == self.step else Decision.CONTINUE
