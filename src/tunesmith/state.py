"""The states of a trial, and the directions of a study."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class TrialState(IntEnum):
    """Where a trial stands. Only COMPLETE, PRUNED and FAIL are final."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4
    FAILED = 3  # an alias: the word that people say

    def __str__(self) -> str:
        return self.name

    def is_finished(self) -> bool:
        """Tell whether the trial will not change any more."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class StudyDirection(StrEnum):
    """Which way an objective is better; compares equal to the words "minimize" and "maximize"."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"
