"""The direction of an objective, with Optuna's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class StudyDirection(IntEnum):
    """Whether an objective is minimized or maximized."""

    NOT_SET = 0
    MINIMIZE = 1
    MAXIMIZE = 2


def only_direction(directions: Sequence[StudyDirection], study_name: str) -> StudyDirection:
    """Return the direction of a study with one objective.

    Args:
        directions: one for each objective.
        study_name: the study.

    Raises:
        RuntimeError: there are several objectives.
    """
    if len(directions) > 1:
        raise RuntimeError(f"the study {study_name!r} has several objectives: read .directions")
    return directions[0]
