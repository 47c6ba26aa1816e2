"""The columns that expressions compare and tables sort: numbers, choices by their index, or any values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class Absent:
    """What a cell holds in which there is no value."""

    def __repr__(self) -> str:
        return "missing"


ABSENT = Absent()


@dataclass(frozen=True, eq=False)
class Column:
    """One column of n trials.

    Attributes:
        numbers: float64[n], NaN where there is none; of a column with choices the index of each.
        choices: the values that the indices stand for; None: the numbers are the values.
        objects: any values [n], `ABSENT` where there is none; None: the numbers or the choices are the values.
        is_missing: where there is no value, bool[n]; None: where the number is NaN.
        whole: whether the numbers are whole ones.
        words: values that are no numbers of their own, such as None, and the numbers that stand for them.
    """

    numbers: Floats
    choices: Sequence[Any] | None = None
    objects: Sequence[Any] | None = None
    is_missing: Mask | None = None
    whole: bool = False
    words: Sequence[tuple[Any, float]] = ()

    @property
    def missing(self) -> Mask:
        """Where there is no value, bool[n]."""
        return np.isnan(self.numbers) if self.is_missing is None else self.is_missing

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.choices is None and self.objects is None

    def values(self, rows: Indices) -> list[Any]:
        """Return the values of some rows; `ABSENT` where there is none."""
        if self.objects is not None:
            return [self.objects[i] for i in rows.tolist()]
        found = self.numbers[rows]
        missing = np.isnan(found) if self.is_missing is None else self.is_missing[rows]
        numbers, gone = found.tolist(), missing.tolist()
        if self.choices is not None:
            return [ABSENT if m else self.choices[int(v)] for v, m in zip(numbers, gone, strict=True)]
        made = [ABSENT if m else int(v) if self.whole else v for v, m in zip(numbers, gone, strict=True)]
        for word, place in self.words:
            made = [word if v == place and v is not ABSENT else m for v, m in zip(numbers, made, strict=True)]
        return made

    def where(self, holds: Callable[[Any], bool]) -> Mask:
        """Return where a condition on the value holds; nowhere where there is none, bool[n]."""
        n = len(self.numbers)
        if self.choices is not None:
            per_choice = np.array([*(holds(c) for c in self.choices), False], bool)
            at = np.where(self.missing, len(self.choices), np.nan_to_num(self.numbers)).astype(np.intp)
            return per_choice[at]
        cells = self.objects if self.objects is not None else self.values(np.arange(n))
        return np.fromiter((v is not ABSENT and holds(v) for v in cells), bool, n)

    def compared(self, sign: str, value: Any) -> Mask:
        """Return where ``column sign value`` holds, bool[n]."""
        # An integer that no float equals is compared as Python does, exactly.
        if self.is_numeric and _is_number(value) and type(value) is not int and sign != "~":
            found: Mask = _OPERATORS[sign](self.numbers, float(value))
            for word, place in self.words:
                found[self.numbers == place] = holds(sign, word, value)
            return found & ~self.missing
        return self.where(lambda cell: holds(sign, cell, value))

    def keys(self, rows: Indices) -> Floats:
        """Return numbers [k] that sort some rows as their values do; texts come after numbers; NaN: missing."""
        if self.is_numeric:
            return np.where(self.missing[rows], np.nan, self.numbers[rows])
        if self.choices is not None:
            rank = _ranks(self.choices)
            at = np.where(self.missing[rows], 0, np.nan_to_num(self.numbers[rows])).astype(np.intp)
            return np.where(self.missing[rows], np.nan, rank[at])
        cells = self.values(rows)
        return np.where([c is ABSENT for c in cells], np.nan, _ranks(cells))


def holds(sign: str, a: Any, b: Any) -> bool:
    """Tell whether ``a sign b`` holds; values of different kinds are unequal, and in no order.

    Args:
        sign: "<", "<=", ">", ">=", "==", "!=", or "~": the text a contains the text b, whatever the case.
    """
    if sign == "~":
        return b is not None and str(b).casefold() in str(a).casefold()
    if _is_number(a) and _is_number(b):
        return bool(_OPERATORS[sign](_exact(a), _exact(b)))
    if isinstance(a, str) and isinstance(b, str):
        return bool(_OPERATORS[sign](a, b))
    if sign in ("==", "!="):
        return (type(a) is type(b) and a == b) == (sign == "==")
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))


def _exact(number: Any) -> Any:
    """Return a number as one of Python's, which compares integers of any size with floats."""
    return number.item() if isinstance(number, np.generic) else number


def _ranks(values: Sequence[Any]) -> Floats:
    """Return the place of each value in sorted order [n]; equal ones have the same."""
    sortable = [(0, _exact(v), "") if _is_number(v) else (1, 0.0, str(v)) for v in values]
    place = {key: i for i, key in enumerate(sorted(set(sortable)))}
    return np.array([place[key] for key in sortable], float)
