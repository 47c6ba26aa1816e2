"""Reports of all trials: what pruners and multi-fidelity samplers learn from."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.history.rungs import Ends, FrontRung, Group, Rung, no_nan
from tunesmith.state import TrialState

MOST_RUNGS = 128  # that are kept; those that a pruner asks for change where the longest run becomes longer

Reported = float | tuple[float, ...]  # at a step: the objective's value, or one for each of several


class Curves:
    """Append-only record of reports (trial number, step, value, cost), values always minimised.

    Args:
        objectives: m; with more than one, a reported value is a tuple of m numbers.

    Attributes:
        objectives: m.
        n_reports: how many reports there are; where there are none, a trial has nothing to do here.
        can_resume: whether runs go on where they were paused, since the objective saves checkpoints; else a run that
            goes on repeats its steps.
        longest_complete: the most reports that a COMPLETE trial has; 0: there is none.
        signs: for each objective 1 where it is minimised, -1 where it is maximised: a value times it is what was
            reported.
    """

    def __init__(self, objectives: int = 1) -> None:
        self.objectives = objectives
        self._reports: dict[int, dict[int, Any]] = {}
        self._costs: dict[int, dict[int, float]] = {}
        self._state: dict[int, TrialState] = {}
        # Extended when trials complete, so that a pruner need not walk through thousands of curves.
        self._complete_at: dict[int, list[Any]] = {}
        self._ends = Ends(objectives == 1)
        self._rungs: dict[tuple[int, Group | None], Rung | FrontRung] = {}
        self._arrays: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}  # of complete trials
        self.n_reports = 0
        self.can_resume = False
        self.longest_complete = 0
        self.signs: tuple[float, ...] = (1.0,) * objectives

    def append(self, number: int, step: int, value: Any, cost: float = math.nan) -> None:
        """Add one report; a step that the trial reported before is ignored.

        Args:
            number: the trial.
            step: of the report.
            value: minimised: a number, or with several objectives a tuple of them.
            cost: what the trial spent since its report before, in seconds or the user's unit; NaN: not known.
        """
        reports = self._reports.setdefault(number, {})
        if step not in reports:
            reports[step] = value
            self.n_reports += 1
            if cost == cost:
                self._costs.setdefault(number, {})[step] = cost
            for rung in self._rungs.values():
                rung.append(number, step, value)
            if self._state.get(number) is TrialState.COMPLETE:  # the end was read before the last reports
                self.longest_complete = max(self.longest_complete, len(reports))
                self._count(step, value)
                self._ends.update(number, reports)
                self._arrays.pop(number, None)

    def drop(self, number: int) -> None:
        """Forget the reports of a trial that will be run again."""
        if number not in self._state or self._state[number] is TrialState.PAUSED:
            self.n_reports -= len(self._reports.pop(number, ()))
            self._costs.pop(number, None)
            self._state.pop(number, None)
            for rung in self._rungs.values():
                rung.drop(number)

    def pause(self, number: int) -> None:
        """Note that a trial is paused, unless it ended."""
        if number in self._reports:
            self._state.setdefault(number, TrialState.PAUSED)

    def resume(self, number: int) -> None:
        """Note that a trial that was paused goes on."""
        if self._state.get(number) is TrialState.PAUSED:
            del self._state[number]

    def close(self, number: int, state: TrialState) -> None:
        """Set how a trial ended; the first end counts."""
        if self._state.get(number) is TrialState.PAUSED:
            del self._state[number]
        if number in self._reports and number not in self._state:
            self._state[number] = state
            if state is TrialState.COMPLETE:
                self.longest_complete = max(self.longest_complete, len(self._reports[number]))
                self._ends.update(number, self._reports[number])
                for step, value in self._reports[number].items():
                    self._count(step, value)

    def _count(self, step: int, value: Any) -> None:
        values = self._complete_at.setdefault(step, [])
        if self.objectives > 1:
            values.append(value)
        elif value == value:
            insort(values, value)

    def minimised(self, reported: Reported) -> Reported:
        """Return what an objective reported, in its own directions, as `append` takes it."""
        if isinstance(reported, tuple):
            return tuple(map(mul, reported, self.signs))
        return reported * self.signs[0]

    def reported(self, number: int) -> dict[int, Reported]:
        """Return what a trial reported by step, in the user's directions."""
        signs = self.signs
        if self.objectives == 1:
            return {step: value * signs[0] for step, value in self._reports.get(number, {}).items()}
        return {step: tuple(map(mul, value, signs)) for step, value in self._reports.get(number, {}).items()}

    def __len__(self) -> int:
        return self.n_reports

    @property
    def numbers(self) -> list[int]:
        """The trials that reported anything, in the order of their first report."""
        return list(self._reports)

    @property
    def n_complete(self) -> int:
        """How many of them are COMPLETE."""
        return len(self._ends.numbers)

    @property
    def ends(self) -> Ends:
        """What is known of the COMPLETE trials at their ends; not to be changed."""
        return self._ends

    @property
    def paused(self) -> list[int]:
        """The trials that are PAUSED, in the order in which they were."""
        return [number for number, state in self._state.items() if state is TrialState.PAUSED]

    def state(self, number: int) -> TrialState:
        """Return a trial's state: RUNNING until it ended or was paused."""
        return self._state.get(number, TrialState.RUNNING)

    def of(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps and values of one trial in the order of the steps; not to be changed.

        Returns:
            steps [k], and values [k], or [k, m] with m > 1 objectives.
        """
        kept = self._arrays.get(number)
        if kept is not None:
            return kept
        reports = self._reports.get(number, {})
        steps = sorted(reports)
        made = np.array(steps, np.int64), np.array([reports[s] for s in steps], np.float64)
        if self.objectives > 1:
            made = made[0], made[1].reshape(len(steps), self.objectives)
        if self._state.get(number) is TrialState.COMPLETE:
            for array in made:
                array.flags.writeable = False
            self._arrays[number] = made
        return made

    def costs_of(self, number: int) -> NDArray[np.float64]:
        """Return what each step of `of` cost since the one before, float64[k]; NaN where that is not known."""
        costs = self._costs.get(number, {})
        return np.array([costs.get(s, np.nan) for s in sorted(self._reports.get(number, {}))], np.float64)

    def steps(self, number: int) -> list[int]:
        """Return the steps of one trial, in order."""
        return sorted(self._reports.get(number, ()))

    def known_costs(self, number: int) -> Mapping[int, float]:
        """Return what `costs_of` has, by step, without those that are not known; not to be changed."""
        return self._costs.get(number, {})

    def size(self, number: int) -> int:
        """Return how many reports a trial has."""
        return len(self._reports.get(number, ()))

    def spent(self, number: int) -> float:
        """Return the sum of a trial's known costs."""
        return math.fsum(self._costs.get(number, {}).values())

    def complete_at(self, step: int) -> Sequence[float]:
        """Return what the COMPLETE trials reported at a step, without NaN, in rising order; not to be changed."""
        return self._complete_at.get(step, ())

    def points_at(self, step: int) -> NDArray[np.float64]:
        """Return what the COMPLETE trials reported of several objectives at a step, float64[r, m], NaN as infinity."""
        found = self._complete_at.get(step)
        return no_nan(found) if found else np.empty((0, self.objectives))

    def rung(self, step: int, group: Group | None = None) -> Rung | FrontRung:
        """Return what trials had at their first report at a step or after it, in order; not to be changed.

        It is gathered once, and kept from then on.

        Args:
            step: of the rung.
            group: the trials that are compared; None: all.
        """
        rung = self._rungs.get((step, group))
        if rung is None:
            if len(self._rungs) >= MOST_RUNGS:
                self._rungs.clear()
            made = Rung if self.objectives == 1 else FrontRung
            rung = self._rungs[step, group] = made(step, group, self._reports)
        return rung
