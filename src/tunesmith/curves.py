"""Reports of all trials: what pruners and multi-fidelity samplers learn from."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.state import TrialState


class Curves:
    """Append-only record of reports (trial number, step, value), values always minimised."""

    def __init__(self) -> None:
        self._reports: dict[int, dict[int, float]] = {}
        self._state: dict[int, TrialState] = {}
        # Extended when trials complete, so that a pruner need not walk through thousands of curves.
        self._complete_at: dict[int, list[float]] = {}
        self._n_complete = 0

    def append(self, number: int, step: int, value: float) -> None:
        """Add one report; a step that the trial reported before is ignored."""
        reports = self._reports.setdefault(number, {})
        if step not in reports:
            reports[step] = value
            if self._state.get(number) is TrialState.COMPLETE:  # the end was read before the last reports
                self._count(step, value)

    def drop(self, number: int) -> None:
        """Forget the reports of a trial that will be run again."""
        if number not in self._state:
            self._reports.pop(number, None)

    def close(self, number: int, state: TrialState) -> None:
        """Set how a trial ended; the first end counts."""
        if number in self._reports and number not in self._state:
            self._state[number] = state
            if state is TrialState.COMPLETE:
                self._n_complete += 1
                for step, value in self._reports[number].items():
                    self._count(step, value)

    def _count(self, step: int, value: float) -> None:
        values = self._complete_at.setdefault(step, [])
        if value == value:
            insort(values, value)

    def __len__(self) -> int:
        return sum(map(len, self._reports.values()))

    @property
    def numbers(self) -> list[int]:
        """The trials that reported anything, in the order of their first report."""
        return list(self._reports)

    @property
    def n_complete(self) -> int:
        """How many of them are COMPLETE."""
        return self._n_complete

    def state(self, number: int) -> TrialState:
        """Return a trial's state: RUNNING until it ended."""
        return self._state.get(number, TrialState.RUNNING)

    def of(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps and values of one trial, shape [k] each, in the order of the steps."""
        reports = self._reports.get(number, {})
        steps = sorted(reports)
        return np.array(steps, np.int64), np.array([reports[s] for s in steps], np.float64)

    def complete_at(self, step: int) -> Sequence[float]:
        """Return what the COMPLETE trials reported at a step, without NaN, in rising order; not to be changed."""
        return self._complete_at.get(step, ())
