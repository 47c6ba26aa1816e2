"""Reports of all trials as one long table: what pruners and multi-fidelity samplers learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.state import TrialState


class Curves:
    """Append-only table of reports (trial number, step, value), values always minimised."""

    def __init__(self) -> None:
        self._steps: dict[int, list[int]] = {}
        self._values: dict[int, list[float]] = {}
        self._state: dict[int, TrialState] = {}

    def append(self, number: int, step: int, value: float) -> None:
        """Add one report; a step that the trial reported before is ignored."""
        steps = self._steps.setdefault(number, [])
        if step not in steps:
            steps.append(step)
            self._values.setdefault(number, []).append(value)

    def drop(self, number: int) -> None:
        """Forget the reports of a trial that will be run again."""
        self._steps.pop(number, None)
        self._values.pop(number, None)

    def close(self, number: int, state: TrialState) -> None:
        """Note how a trial ended."""
        if number in self._steps:
            self._state[number] = state

    def __len__(self) -> int:
        return sum(map(len, self._steps.values()))

    @property
    def numbers(self) -> list[int]:
        """The trials that reported anything, in the order of their first report."""
        return list(self._steps)

    def state(self, number: int) -> TrialState:
        """Return a trial's state: RUNNING until it ended."""
        return self._state.get(number, TrialState.RUNNING)

    def of(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps and values of one trial, shape [k] each, in the order of the steps."""
        steps = np.array(self._steps.get(number, ()), np.int64)
        values = np.array(self._values.get(number, ()), np.float64)
        order = np.argsort(steps, kind="stable")
        return steps[order], values[order]

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return (number, step, value), each of shape [rows], by trial and then by order of reporting."""
        number = np.repeat(np.array(list(self._steps), np.int64), [len(v) for v in self._steps.values()])
        step = np.array([s for v in self._steps.values() for s in v], np.int64)
        value = np.array([x for v in self._values.values() for x in v], np.float64)
        return number, step, value
