"""The schedule of a trial that went on from others: which parameters it was trained with, and when they changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunesmith.study.engine.ask import PARENT
from tunesmith.trial.record import FrozenTrial


@dataclass(frozen=True, slots=True)
class ScheduleStep:
    """A part of a training.

    Attributes:
        number: its trial.
        first_step: the first step that it reported; None: it reported nothing.
        last_step: the last one.
        params: its parameters.
    """

    number: int
    first_step: int | None
    last_step: int | None
    params: dict[str, Any]


def schedule_of(trial: FrozenTrial, load: Callable[[int], FrozenTrial]) -> list[ScheduleStep]:
    """Return the parts of a trial's training, first to last; of one that reported nothing, the trial alone.

    Args:
        trial: the last part.
        load: returns a trial by its number.
    """
    parts = []
    seen: set[int] = set()
    while trial.number not in seen:  # a damaged file may hold a circle
        seen.add(trial.number)
        steps = trial.intermediate_values
        parts.append(ScheduleStep(trial.number, min(steps, default=None), max(steps, default=None), trial.params))
        parent = trial.system_attrs.get(PARENT)
        if not isinstance(parent, int):
            break
        trial = load(parent)
    reported = [
        part for part in parts if part.first_step is not None
    ]  # one that found nothing left to do trained nothing
    return (reported or parts[:1])[::-1]
