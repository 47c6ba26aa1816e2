"""The states of a trial, the kinds of failure, and the directions of a study."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class TrialState(IntEnum):
    """The state of a trial. COMPLETE, PRUNED and FAIL are final; PAUSED is a run that may go on later.

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
    PAUSED = 5
    FAILED = 3  # an alias

    def __str__(self) -> str:
        return self.name

    def is_finished(self) -> bool:
        """Tell whether the state is final."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class FailureKind(IntEnum):
    """Why a trial failed, or why an attempt at it ended without a result."""

    RAISED = 1  # the objective raised, or returned no number
    NAN = 2  # it returned NaN: the run diverged
    LOST = 3  # its process or machine died
    KILLED = 4  # it was cancelled
    TIMEOUT = 5  # it ran longer than its time limit
    OOM = 6  # it used more memory than its limit, or than there was
    LEASE = 7  # its worker gave no sign of life, and another worker took the trial over
    INTERRUPTED = 8  # it was asked to end from outside: SIGTERM, Ctrl-C, a machine or a driver that went away

    def __str__(self) -> str:
        return self.name.lower()


class StudyDirection(StrEnum):
    """Whether an objective is minimized or maximized; compares equal to these words."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"
