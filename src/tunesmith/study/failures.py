"""Why trials failed, the most frequent reason first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tunesmith.frozen import TrialRecord


class FailureReason(NamedTuple):
    """A reason, which is empty where none is known; how many trials had it; and the first of them."""

    text: str
    trials: int
    first: int


def failure_reasons(failed: Iterable[TrialRecord]) -> list[FailureReason]:
    """Return the reasons of failed trials, the most frequent first; of each, its last line says what it was.

    Args:
        failed: the records, in the order of their numbers.

    Returns:
        the reasons.
    """
    found: dict[str, list[int]] = {}
    for trial in failed:
        lines = (trial.reason or "").strip().splitlines()
        found.setdefault(lines[-1] if lines else "", []).append(trial.number)
    reasons = [FailureReason(text, len(numbers), numbers[0]) for text, numbers in found.items()]
    return sorted(reasons, key=lambda reason: -reason.trials)
