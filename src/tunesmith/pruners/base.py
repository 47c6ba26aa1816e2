"""The contract of a pruner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import ClassVar

import numpy as np

from tunesmith.foundation import registry
from tunesmith.history import Curves, History


class Decision(IntEnum):
    """What happens to a running trial after a report.

    A trial that is to pause or to stop is told the same: ``should_prune`` says yes, and the objective raises
    ``TrialPruned``. One that pauses becomes PAUSED, and ``Pruner.resume`` tells whether and when it goes on.
    """

    CONTINUE = 0
    PAUSE = 1
    STOP = 2


class Pruner(registry.Made, ABC):
    """Decides whether a running trial goes on, and which paused one does. Its methods are pure functions.

    ``decide`` is called in the driver, each time the objective asks ``should_prune`` after a report, and ``goes_on`` at
    once where it says PAUSE. ``resume`` is called each time a worker is free, before the sampler proposes a new trial.
    A pruner keeps nothing between calls but what it could compute again.

    Attributes:
        name: its name in the registry.
        resumes: whether it ever pauses trials, so that ``resume`` is worth a call.
        weighs_starts: whether ``goes_on`` or ``resume`` depend on how dear a start is; the study then finds that out.
        several: whether it decides for several objectives, too. If its rule compares trials, it stops none that no
            other one dominates.
    """

    name: ClassVar[str] = ""
    resumes: bool = False
    weighs_starts: bool = False
    several: bool = False

    def check_objectives(self, objectives: int) -> None:
        """See that it can decide for a study, which asks when it is given the pruner.

        Args:
            objectives: how many the study has.

        Raises:
            ValueError: it cannot.
        """
        if objectives > 1 and not self.several:
            able = [name for name in registry.names("pruners") if registry.load_registered("pruners", name).several]
            raise ValueError(
                f"{type(self).__name__} decides by one objective, and the study has {objectives}; these decide by "
                f"several: {', '.join(map(repr, sorted(able)))}"
            )

    @abstractmethod
    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Decide about one trial.

        Args:
            curves: all reports of all trials so far, always minimised; this trial's last one included.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            Whether the trial goes on.
        """

    def goes_on(self, history: History, number: int) -> bool:
        """Tell whether a trial that ``decide`` lets pause goes on at once, which saves it a start.

        Args:
            history: the study so far, the trial's last report included.
            number: the trial in question; it runs.

        Returns:
            Whether it goes on.
        """
        return False

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        """Choose what a free worker does: go on with a paused trial, or begin a new one.

        Args:
            history: the study so far; ``history.paused`` has the numbers to choose from.
            rng: its random numbers.
            may_begin: whether a new trial may begin; else the budget of the search for new trials is spent, and what is
                returned is run before the search ends.

        Returns:
            The number of the paused trial that goes on; None: a new one begins, or the search ends.
        """
        return None
