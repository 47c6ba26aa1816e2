"""What the trials of a group had reached at one step, in order: what successive halving compares."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.pareto import ranks_and_crowding


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

    def __init__(self, step: int, group: Group | None, reports: Mapping[int, Mapping[int, float]]) -> None:
        self.step = step
        self._group = group
        self._at: dict[int, tuple[int, float]] = {}  # number -> step, value
        self._ordered: list[tuple[float, int]] = []  # value, number
        for number, found in reports.items():
            if group is None or number in group:
                first = min((s for s in found if s >= step), default=None)
                if first is not None:
                    value = found[first]
                    self._at[number] = first, (math.inf if value != value else value)
        self._ordered = sorted((value, number) for number, (_, value) in self._at.items())

    def append(self, number: int, step: int, value: float) -> None:
        """Take a report in."""
        if step < self.step or (self._group is not None and number not in self._group):
            return
        known = self._at.get(number)
        if known is not None:
            if known[0] < step:
                return
            self.drop(number)
        value = math.inf if value != value else value
        self._at[number] = step, value
        insort(self._ordered, (value, number))

    def drop(self, number: int) -> None:
        """Forget a trial that will be run again."""
        known = self._at.pop(number, None)
        if known is not None:
            del self._ordered[bisect_left(self._ordered, (known[1], number))]

    def __len__(self) -> int:
        return len(self._ordered)

    def __contains__(self, number: int) -> bool:
        return number in self._at

    def value(self, number: int) -> float:
        """Return what a trial that is there had, NaN as infinity."""
        return self._at[number][1]

    def best(self, k: int) -> list[int]:
        """Return the numbers of the `k` best, best first; among equals the one that began first."""
        return [number for _, number in self._ordered[: max(k, 0)]]

    def cut(self, k: int) -> float:
        """Return the value of the k-th best, counted from 1."""
        return self._ordered[k - 1][0]


class FrontRung:
    """A `Rung` for several objectives: those that none dominates come first, then the front of what is left, and so on.

    Within a front, those whose neighbours are far away come first, so that few of them still cover it; of equal ones
    the one that began first. Ranking by fronts is what successive halving needs to search for a front (Schmucker,
    Donini, Zafar, Salinas & Archambeau, "Multi-objective Asynchronous Successive Halving", arXiv 2106.12639, 2021);
    crowding is one of the orders within a front that they compare.

    NaN counts as infinity in its objective, which nothing there is worse than.

    Args:
        step: of the rung.
        group: whose trials it has; None: all.
        reports: step -> values by trial, so far.
    """

    def __init__(self, step: int, group: Group | None, reports: Mapping[int, Mapping[int, Sequence[float]]]) -> None:
        self.step = step
        self._group = group
        self._at: dict[int, tuple[int, Sequence[float]]] = {}  # number -> step, values
        self._best: list[int] | None = None  # numbers, best first; None: it changed
        self._value: dict[int, float] = {}
        for number, found in reports.items():
            for at, values in found.items():
                self.append(number, at, values)

    def append(self, number: int, step: int, values: Sequence[float]) -> None:
        """Take a report in."""
        if step < self.step or (self._group is not None and number not in self._group):
            return
        known = self._at.get(number)
        if known is None or step <= known[0]:
            self._at[number] = step, values
            self._best = None

    def drop(self, number: int) -> None:
        """Forget a trial that will be run again."""
        if self._at.pop(number, None) is not None:
            self._best = None

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, number: int) -> bool:
        return number in self._at

    def values(self, number: int) -> Sequence[float]:
        """Return what a trial that is there had, one value for each objective."""
        return self._at[number][1]

    def value(self, number: int) -> float:
        """Return how good a trial is that is there: 0 on the front, else its place in the order, counted from 1."""
        self._order()
        return self._value[number]

    def best(self, k: int) -> list[int]:
        """Return the numbers of the `k` best, best first."""
        return self._order()[: max(k, 0)]

    def cut(self, k: int) -> float:
        """Return the `value` of the k-th best, counted from 1: nobody on the front is worse."""
        return self._value[self._order()[k - 1]]

    def _order(self) -> list[int]:
        if self._best is None:
            numbers = sorted(self._at)  # so that the order in which reports are read makes no difference
            rank, distance = ranks_and_crowding(no_nan([self._at[n][1] for n in numbers]))
            order = np.lexsort((-distance, rank))
            self._best = [numbers[i] for i in order]
            places = np.where(rank[order] == 0, 0, np.arange(1, len(order) + 1)).tolist()
            self._value = dict(zip(self._best, places, strict=True))
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
            mean = _mean(reports.values())
            if math.isfinite(mean):
                self._mean_of[number] = mean
                insort(self._means, (mean, number))
        self._new.clear()


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    try:
        return math.fsum(listed) / len(listed)
    except (OverflowError, ValueError):  # infinities of both signs, or a sum beyond what a float can hold
        return math.nan
