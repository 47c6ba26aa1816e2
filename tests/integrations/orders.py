"""Pruners that do as they are told, so that a test knows what happens to a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner


class StopAfter(Pruner):
    """Gives every trial up after one step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.STOP if step >= self.step else Decision.CONTINUE


class PauseAt(Pruner):
    """Pauses at some steps, and goes on at once."""

    resumes = True

    def __init__(self, steps: Sequence[int]) -> None:
        self.steps = steps

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE if step in self.steps else Decision.CONTINUE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        return min(history.paused, default=None)
