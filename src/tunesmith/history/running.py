"""The running and paused trials of a history as columns, kept up to date as trials begin and end.

A sampler reads them at every proposal, so with thousands of workers they must not be collected anew each time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.history.parameters import ParameterColumns
from tunesmith.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True, frozen=True)
class Pending:
    """Running and paused trials: number int64[p], points float64[p, d] in the history's columns, states int64[p]."""

    number: Ints
    x: Floats
    sampler_state: Ints


class RunningRows:
    """The running trials, in the order in which they began.

    Rows are appended when the table is asked for. The row of a trial that ended is dead, and dead rows are removed when
    there are more of them than of others. So a change costs as little with many running trials as with few.

    Several threads may use it: a figure is drawn in one while a search goes on in another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trials: dict[int, tuple[Space | None, Sequence[float] | None, int]] = {}
        self._columns: tuple[int, Space | None] = (0, None)  # their number, and the space that points were read in
        self._clear()

    def _clear(self) -> None:
        """Empty the table, to be made anew."""
        self._fresh = dict.fromkeys(self._trials)  # the trials that have no row yet
        self._row: dict[int, int] = {}
        self._used = 0  # rows, dead ones among them
        self._number, self._state = np.empty(0, np.int64), np.empty(0, np.int64)
        self._alive = np.empty(0, bool)
        self._x = np.empty((0, self._columns[0]))

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the trials."""
        return list(self._trials)

    def begin(self, number: int, space: Space | None, x: Sequence[float] | None, sampler_state: int) -> None:
        """Add a trial, or replace it in its place.

        Args:
            number: its number.
            space: its own space; None: it suggested nothing.
            x: internal values over that space.
            sampler_state: what its sampler wrote.
        """
        with self._lock:
            self._trials[number] = (space, x, sampler_state)
            if number in self._row:
                self._clear()
            self._fresh[number] = None

    def end(self, number: int) -> None:
        """Remove a trial, if it is there."""
        with self._lock:
            self._trials.pop(number, None)
            self._fresh.pop(number, None)
            row = self._row.pop(number, None)
            if row is not None:
                self._alive[row] = False

    def table(self, columns: ParameterColumns) -> Pending:
        """Return the trials over the columns of a history."""
        with self._lock:
            key = (len(columns.names), columns.space)
            if key[0] != self._columns[0] or key[1] is not self._columns[1] or self._used > 2 * len(self._row) + 16:
                self._columns = key
                self._clear()
            if self._fresh:
                self._append(columns)
            alive = self._alive[: self._used]
            return Pending(
                self._number[: self._used][alive], self._x[: self._used][alive], self._state[: self._used][alive]
            )

    def _append(self, columns: ParameterColumns) -> None:
        need = self._used + len(self._fresh)
        if need > len(self._number):
            size = max(2 * need, 16)
            self._number, self._state = np.resize(self._number, size), np.resize(self._state, size)
            self._alive = np.resize(self._alive, size)
            wide = np.full((size, len(columns.names)), np.nan)
            wide[: self._used] = self._x[: self._used]
            self._x = wide
        for row, number in enumerate(self._fresh, self._used):
            space, x, state = self._trials[number]
            self._number[row], self._state[row], self._alive[row] = number, state, True
            self._x[row] = np.nan
            if space is not None and x is not None:
                own = columns.peek(space)
                known = own.at >= 0
                self._x[row, own.at[known]] = own.translate(np.array([x], float))[0, known]
            self._row[number] = row
        self._used = need
        self._fresh = {}
