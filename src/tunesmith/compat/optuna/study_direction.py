"""The direction of an objective, with Optuna's numbers."""

from __future__ import annotations

from enum import IntEnum


class StudyDirection(IntEnum):
    """Whether an objective is minimized or maximized."""

    NOT_SET = 0
    MINIMIZE = 1
    MAXIMIZE = 2
