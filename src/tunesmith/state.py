"""The states of a trial, and the directions of a study."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class TrialState(IntEnum):
    """The state of a trial. COMPLETE, PRUNED and FAIL are final.

    Example:
        ```python
        import tunesmith
        from tunesmith import TrialState

        study = tunesmith.create_study(seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
        assert len(study.get_trials(states=[TrialState.COMPLETE])) == 5
        ```
    """

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4
    FAILED = 3  # an alias

    def __str__(self) -> str:
        return self.name

    def is_finished(self) -> bool:
        """Tell whether the state is final."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class StudyDirection(StrEnum):
    """Whether an objective is minimized or maximized; compares equal to these words."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"
