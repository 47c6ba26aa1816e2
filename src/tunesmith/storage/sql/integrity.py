"""Integrity checks of all that is read: damaged data raise StorageError.

SQLite does not notice changed bytes in a file (a bad disk, a truncated copy): a number may have become another number,
a text may be no JSON, a column may hold another type. Data are compared with their second copy (the first value), hash
(spaces), range (points) or rule (`seq` has no gaps) where there is one.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import le
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import StorageError
from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.state import TrialState
from tunesmith.storage.checks import DIRECTIONS
from tunesmith.storage.sql.session import Row

_FAULTS = (
    TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, struct.error,
)  # fmt: skip
_LARGEST = np.finfo(np.float64).max
Types = set[type[Any]]
OPEN_STATES = frozenset({TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED})


def damaged(where: str, what: str, why: object) -> StorageError:
    """Return the error for damaged data."""
    return StorageError(
        f"{where} is damaged: {what}: {why}. Restore a copy of it if there is one; tunesmith.storage.check(...) lists "
        "all that is damaged, and docs/storage.md shows how to save the rest"
    )


@contextmanager
def decoding(where: str, what: str) -> Iterator[None]:
    """Raise StorageError in place of the errors that decoding damaged data raises."""
    try:
        yield
    except StorageError:
        raise
    except _FAULTS as error:
        raise damaged(where, what, f"{type(error).__name__}: {error}") from error


def require(condition: bool, why: str) -> None:
    """Raise ValueError(why) unless the condition holds; called inside `decoding`."""
    if not condition:
        raise ValueError(why)


def check_types(rows: Sequence[Row], expected: Sequence[Types]) -> None:
    """Check that each value has the type of its column, which SQLite does not enforce."""
    if rows:
        for i, (column, types) in enumerate(zip(zip(*rows, strict=True), expected, strict=True)):
            if not set(map(type, column)) <= types:
                wrong = next(value for value in column if type(value) not in types)
                raise ValueError(f"column {i} holds a {type(wrong).__name__}, {wrong!r:.40}")


def read_directions(text: str) -> tuple[str, ...]:
    """Return a study's directions."""
    found = json.loads(text)
    require(isinstance(found, list) and bool(found) and all(d in DIRECTIONS for d in found), f"directions {text!r:.80}")
    return tuple(found)


def read_constraints(text: str | None, feasible: int) -> dict[str, float] | None:
    """Return a trial's constraint values."""
    if text is None and feasible == 1:  # nearly always
        return None
    found = {} if text is None else json.loads(text)
    require(isinstance(found, dict) and all(type(v) in (int, float) for v in found.values()), "no constraint values")
    require(feasible == int(all(c <= 0 for c in found.values())), "the constraints do not fit 'feasible'")
    return None if text is None else found


def read_noise(text: str, m: int) -> list[float]:
    """Return the standard deviations of the errors of a trial's m values."""
    found = json.loads(text)
    fits = isinstance(found, list) and len(found) == m
    require(fits and all(type(v) in (int, float) and v >= 0 for v in found), f"its noise is {text!r:.80}")
    return list(map(float, found))


def check_first(first: float | None, values: Sequence[float] | None) -> None:
    """Compare the two copies of a trial's first value."""
    if values and values[0] == first:
        return
    one = math.nan if first is None else first
    other = values[0] if values else math.nan
    require(same_values(np.array([one]), np.array([other])), f"its value is {one} and {other}")


def same_values(copies: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Compare the two copies of values; MariaDB has no infinities, and the largest numbers stand for them there."""
    return np.array_equal(copies, values, equal_nan=True) or np.array_equal(
        np.clip(copies, -_LARGEST, _LARGEST), np.clip(values, -_LARGEST, _LARGEST), equal_nan=True
    )


class Range:
    """The bounds of the internal values of a space, and which of them are whole numbers."""

    def __init__(self, space: Space) -> None:
        bounds = [_bounds(p) for p in space.params.values()]
        self._lows, self._highs = [b[0] for b in bounds], [b[1] for b in bounds]
        self._low = np.array([b[0] for b in bounds])
        self._high = np.array([b[1] for b in bounds])
        self._whole = np.array([b[2] for b in bounds], dtype=bool)
        self._names = list(space.params)

    def fault(self, x: NDArray[np.float64]) -> str | None:
        """Return what is wrong with points [n, d]; None: nothing. NaN stands for an inactive parameter."""
        wrong = ~((x >= self._low) & (x <= self._high) | np.isnan(x))
        if self._whole.any():
            wrong |= (x != np.rint(x)) & self._whole & ~np.isnan(x)
        if not wrong.any():
            return None
        i, j = np.argwhere(wrong)[0]
        return f"{self._names[j]!r} is {x[i, j]!r}, which is none of its values"

    def outside(self, x: Sequence[float]) -> str | None:
        """Return the name of a parameter whose value in one point is out of bounds; None: there is none."""
        if len(x) == len(self._names) and all(map(le, self._lows, x)) and all(map(le, x, self._highs)):
            return None  # the common case, without a Python loop
        for i, (value, low, high) in enumerate(zip(x, self._lows, self._highs, strict=True)):
            if not low <= value <= high and value == value:
                return self._names[i]
        return None


def _bounds(parameter: Any) -> tuple[float, float, bool]:
    if isinstance(parameter, Categorical):
        return 0.0, len(parameter.labels) - 1.0, True
    if isinstance(parameter, Float | Int):
        return float(parameter.low), float(parameter.high), isinstance(parameter, Int)
    return getattr(parameter, "low", -math.inf), getattr(parameter, "high", math.inf), False  # a distribution's support


def check_each(rows: Sequence[Row], check: Callable[[Row], Any], where: str, what: str) -> list[Any]:
    """Return the result of `check` for each row; the first column of a row is a trial's number."""
    made = []
    for row in rows:
        try:
            made.append(check(row))
        except _FAULTS as error:
            raise damaged(where, f"{what} {row[0]}", error) from error
    return made
