"""Reports of all trials: what pruners and multi-fidelity samplers learn from."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import copy
from operator import mul
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.pareto import ranks_and_crowding
from tunesmith.foundation.states import TrialState

RUNGS_CACHED = 128  # that are kept; those that a pruner asks for change where the longest run becomes longer

Reported = float | tuple[float, ...]  # at a step: the objective's value, or one for each of several


class Curves:
    """Append-only record of reports (trial number, step, value, cost), values always minimised.

    Args:
        objectives: m; with more than one, a reported value is a tuple of m numbers.

    Attributes:
        n_reports: how many reports there are; where there are none, a trial has nothing to do here.
        can_resume: whether runs go on where they were paused, since the objective saves checkpoints; else a run that
            goes on repeats its steps.
        costs_given: whether the objective says what its reports cost; else seconds are measured, which are only shown.
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
        self._rungs: dict[tuple[int, Group | None], Rung] = {}
        self._arrays: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}  # of complete trials
        self.n_reports = 0
        self.can_resume = False
        self.costs_given = False
        self.longest_complete = 0
        self.signs: tuple[float, ...] = (1.0,) * objectives

    def frozen(self, unfinished: Iterable[int]) -> Curves:
        """Return the curves as they are now, for readers: what is reported later is not in them.

        Args:
            unfinished: the trials that may report more; the reports of others are shared.
        """
        new = copy(self)
        new._reports, new._costs = dict(self._reports), dict(self._costs)
        for number in unfinished:
            for of in (new._reports, new._costs):
                if number in of:
                    of[number] = dict(of[number])
        new._state, new._arrays, new._rungs = dict(self._state), dict(self._arrays), {}
        new._complete_at = {step: list(values) for step, values in self._complete_at.items()}
        new._ends = self._ends.copy()
        return new

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

    def rung(self, step: int, group: Group | None = None) -> Rung:
        """Return what trials had at their first report at a step or after it, in order; not to be changed.

        It is gathered once, and kept from then on.

        Args:
            step: of the rung.
            group: the trials that are compared; None: all.
        """
        rung = self._rungs.get((step, group))
        if rung is None:
            if len(self._rungs) >= RUNGS_CACHED:
                self._rungs.clear()
            made = Rung if self.objectives == 1 else FrontRung
            rung = self._rungs[step, group] = made(step, group, self._reports)
        return rung


# -- what the trials of a group had reached at one step, in order: what successive halving compares -------------------


class Group(Hashable, Protocol):
    """Some of a study's trials, by number. Equal groups have the same trials."""

    def __contains__(self, number: int, /) -> bool:
        """Tell whether a trial belongs to it."""


class Rung:
    """The value of each trial at its first report at a step or after it, kept in order as reports come.

    The order in which reports are read makes no difference. NaN counts as infinity, which nothing is worse than.

    Args:
        step: of the rung.
        group: whose trials it has; None: all.
        reports: step -> value by trial, so far.
    """

    def __init__(self, step: int, group: Group | None, reports: Mapping[int, Mapping[int, Any]]) -> None:
        self.step = step
        self._group = group
        self._at: dict[int, tuple[int, Any]] = {}  # number -> step, value
        self._ordered: list[tuple[float, int]] = []  # value, number
        for number, found in reports.items():
            first = min((s for s in found if s >= step), default=None)
            if first is not None:
                self.append(number, first, found[first])

    def append(self, number: int, step: int, value: Any) -> None:
        """Take a report in."""
        if step < self.step or (self._group is not None and number not in self._group):
            return
        known = self._at.get(number)
        if known is None or step <= known[0]:
            self.drop(number)
            self._take(number, step, value)

    def _take(self, number: int, step: int, value: Any) -> None:
        value = math.inf if value != value else value
        self._at[number] = step, value
        insort(self._ordered, (value, number))

    def drop(self, number: int) -> None:
        """Forget a trial that will be run again."""
        known = self._at.pop(number, None)
        if known is not None:
            del self._ordered[bisect_left(self._ordered, (known[1], number))]

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, number: int) -> bool:
        return number in self._at

    def value(self, number: int) -> float:
        """Return what a trial that is there had, NaN as infinity."""
        return float(self._at[number][1])

    def best(self, k: int) -> list[int]:
        """Return the numbers of the `k` best, best first; among equals the one that began first."""
        return [number for _, number in self._ordered[: max(k, 0)]]

    def cut(self, k: int) -> float:
        """Return the value of the k-th best, counted from 1."""
        return self._ordered[k - 1][0]


class FrontRung(Rung):
    """A `Rung` for several objectives: those that none dominates come first, then the front of what is left, and so on.

    Within a front, those whose neighbours are far away come first, so that few of them still cover it; of equal ones
    the one that began first. Ranking by fronts is what successive halving needs to search for a front (Schmucker,
    Donini, Zafar, Salinas & Archambeau, "Multi-objective Asynchronous Successive Halving", arXiv 2106.12639, 2021);
    crowding is one of the orders within a front that they compare.

    NaN counts as infinity in its objective, which nothing there is worse than.
    """

    _best: list[int] | None = None  # numbers, best first; None: it changed
    _places: Mapping[int, float] = MappingProxyType({})

    def _take(self, number: int, step: int, value: Sequence[float]) -> None:
        self._at[number] = step, value
        self._best = None

    def drop(self, number: int) -> None:
        """Forget a trial that will be run again."""
        if self._at.pop(number, None) is not None:
            self._best = None

    def values(self, number: int) -> Sequence[float]:
        """Return what a trial that is there had, one value for each objective."""
        found: Sequence[float] = self._at[number][1]
        return found

    def value(self, number: int) -> float:
        """Return how good a trial is that is there: 0 on the front, else its place in the order, counted from 1."""
        self._order()
        return self._places[number]

    def best(self, k: int) -> list[int]:
        """Return the numbers of the `k` best, best first."""
        return self._order()[: max(k, 0)]

    def cut(self, k: int) -> float:
        """Return the `value` of the k-th best, counted from 1: nobody on the front is worse."""
        return self._places[self._order()[k - 1]]

    def _order(self) -> list[int]:
        if self._best is None:
            numbers = sorted(self._at)  # so that the order in which reports are read makes no difference
            rank, distance = ranks_and_crowding(no_nan([self._at[n][1] for n in numbers]))
            order = np.lexsort((-distance, rank))
            self._best = [numbers[i] for i in order]
            places = np.where(rank[order] == 0, 0, np.arange(1, len(order) + 1)).tolist()
            self._places = dict(zip(self._best, places, strict=True))
        return self._best


def no_nan(values: Sequence[Sequence[float]]) -> Floats:
    """Return values [n, m] of several objectives with infinity for NaN, n >= 1."""
    found = np.array(values, np.float64)
    return np.where(np.isnan(found), np.inf, found)


class Ends:
    """What is known of the COMPLETE trials at their ends, kept as they end.

    Args:
        single: whether there is one objective, so that the trial that is the best on average is known.

    Attributes:
        numbers: of these trials, in rising order.
    """

    def __init__(self, single: bool = True) -> None:
        self.numbers: list[int] = []
        self._single = single
        self._first: int | None = None
        self._last: int | None = None
        self._new: dict[int, Mapping[int, Any]] = {}  # looked at when it is asked for, once for many reports
        self._means: list[tuple[float, int]] = []
        self._mean_of: dict[int, float] = {}

    def copy(self) -> Ends:
        """Return the same as it is now."""
        made = copy(self)
        made.numbers, made._new = list(self.numbers), dict(self._new)
        made._means, made._mean_of = list(self._means), dict(self._mean_of)
        return made

    def update(self, number: int, reports: Mapping[int, Any]) -> None:
        """Take in a trial that completed, or whose last reports were read after its end."""
        at = bisect_left(self.numbers, number)
        if at == len(self.numbers) or self.numbers[at] != number:
            self.numbers.insert(at, number)
        self._new[number] = reports

    @property
    def first(self) -> int | None:
        """The lowest step that one of them reported; None: there is none."""
        self._look()
        return self._first

    @property
    def last(self) -> int | None:
        """The highest step that one of them reported; None: there is none."""
        self._look()
        return self._last

    @property
    def best_on_average(self) -> int | None:
        """The trial with the lowest mean of all it reported, among those that reported finite values only."""
        self._look()
        return self._means[0][1] if self._means else None

    def _look(self) -> None:
        for number, reports in self._new.items():
            self._first = min(reports) if self._first is None else min(self._first, min(reports))
            self._last = max(reports) if self._last is None else max(self._last, max(reports))
            if not self._single:
                continue
            old = self._mean_of.pop(number, None)
            if old is not None:
                del self._means[bisect_left(self._means, (old, number))]
            mean = _finite_mean(reports.values())
            if math.isfinite(mean):
                self._mean_of[number] = mean
                insort(self._means, (mean, number))
        self._new.clear()


def _finite_mean(values: Iterable[float]) -> float:
    listed = list(values)
    try:
        return math.fsum(listed) / len(listed)
    except (OverflowError, ValueError):  # infinities of both signs, or a sum beyond what a float can hold
        return math.nan
