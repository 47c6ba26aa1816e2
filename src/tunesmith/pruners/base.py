"""The contract of a pruner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import ClassVar

from tunesmith.history import Curves


class Decision(IntEnum):
    """What happens to a running trial after a report."""

    CONTINUE = 0
    PAUSE = 1
    STOP = 2


class Pruner(ABC):
    """Decides whether a running trial goes on. A pure function of the curves.

    ``decide`` is called in the driver, each time the objective asks ``should_prune`` after a report; a pruner keeps
    nothing between calls.
    """

    name: ClassVar[str] = ""

    @abstractmethod
    def decide(self, curves: Curves, trial_number: int, step: int) -> Decision:
        """Decide about one trial.

        Args:
            curves: all reports of all trials so far, always minimised; this trial's last one included.
            trial_number: the trial in question.
            step: the step of its last report.

        Returns:
            Whether the trial goes on.
        """
