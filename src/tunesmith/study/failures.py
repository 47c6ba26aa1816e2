"""Why trials failed, the most frequent reason first."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tunesmith.state import TrialState

if TYPE_CHECKING:
    from tunesmith.study.engine.replica import StudyReplica


class FailureReason(NamedTuple):
    """A reason, which is empty where none is known; how many trials had it; and the first of them."""

    text: str
    trials: int
    first: int


def failure_reasons(data: StudyReplica) -> list[FailureReason]:
    """Return why trials of a study failed, the most frequent reason first; its last line says what it was.

    Args:
        data: the study; its records are read some at a time.

    Returns:
        the reasons.
    """
    history = data.current_history()
    failed = np.sort(history.number[history.state == TrialState.FAIL]).tolist()
    found: dict[str, FailureReason] = {}
    for trial in chain.from_iterable(data.in_parts(failed)):
        lines = (trial.reason or "").strip().splitlines()
        text = lines[-1] if lines else ""
        before = found.get(text, FailureReason(text, 0, trial.number))
        found[text] = before._replace(trials=before.trials + 1)
    return sorted(found.values(), key=lambda reason: -reason.trials)
