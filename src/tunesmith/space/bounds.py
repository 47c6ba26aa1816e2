"""Checks of the numbers that users give: bounds, steps and values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.text import shown

if TYPE_CHECKING:
    from tunesmith.space.base import Parameter

# The maps to and from the unit interval are exact up to this size (float64 has 53 bits).
MAX_CELLS = 2**50


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_, str, bytes)) or not hasattr(value, "__float__"):
        return False
    return np.ndim(value) == 0


def read_number(value: Any, what: str, kind: str) -> float:
    """Return an argument of a range as a float; `what` and `kind` name it in errors."""
    if not _is_number(value):
        raise SpaceError(f"{kind}: {what} must be a number, got {shown(value)}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpaceError(f"{kind}: {what} must be a finite number, got {shown(value)}") from None


def read_log(value: Any, kind: str) -> bool:
    """Return the argument `log` of a range. It may be positional, so a number there was meant for `step`."""
    if not isinstance(value, bool | np.bool_):
        raise SpaceError(f"{kind}: log must be True or False, got {shown(value)}; name the others: step={shown(value)}")
    return bool(value)


def read_whole(value: Any, what: str) -> int:
    """Return an argument of an `Int` as an int."""
    number = read_number(value, what, "Int")
    if not number.is_integer():
        raise SpaceError(f"Int: {what} must be a whole number, got {shown(value)}; use Float for real numbers")
    return int(value)


def as_number(value: Any, param: Parameter) -> float:
    """Return a value of a numeric parameter as a float; every type of number but bool is taken."""
    if not _is_number(value):
        raise SpaceError(f"{shown(value)} is not a number; valid is {param.valid()}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpaceError(f"{shown(value)} is out of range; valid is {param.valid()}") from None


def refuse_range(kind: str, low: float, high: float) -> None:
    """Raise the error that says why low and high are no bounds."""
    if low > high:
        raise SpaceError(
            f"{kind}({low!r}, {high!r}): low={low!r} is greater than high={high!r}; "
            f"did you mean {kind}({high!r}, {low!r})?"
        )
    for what, bound in (("low", low), ("high", high)):
        if not math.isfinite(bound):
            raise SpaceError(f"{kind}({low!r}, {high!r}): {what} must be a finite number, got {bound!r}")
    raise SpaceError(f"{kind}({low!r}, {high!r}): the width of the range overflows; use narrower bounds")


def lattice(low: float, high: float, step: float) -> tuple[int, float]:
    """Return the number of values and the power of ten (0: not decimal) of the lattice low, low + step, …, high."""
    if not 0 < step < math.inf:
        raise SpaceError(f"Float({low!r}, {high!r}, step={step!r}): step must be a finite number > 0")
    count = (high - low) / step
    if count >= MAX_CELLS:
        raise SpaceError(f"Float({low!r}, {high!r}, step={step!r}): more than 2**50 values; drop the step")
    whole = round(count)
    if abs(count - whole) > 1e-9 * max(1.0, count):
        fits = float(np.round(low + math.floor(count) * step, 12))
        raise SpaceError(
            f"Float({low!r}, {high!r}, step={step!r}): step does not divide the range; "
            f"valid is high={fits!r} or {float(np.round(fits + step, 12))!r}"
        )
    digits = max(_decimals(low), _decimals(high), _decimals(step))
    power = 10.0**digits if digits <= 15 else 0.0
    return whole + 1, power if max(abs(low), abs(high)) * power < 2**52 else 0.0


def _decimals(x: float) -> int:
    """Return the number of digits after the point in the shortest decimal of x."""
    mantissa, _, exponent = repr(x).partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    return max(0, len(fraction) - int(exponent or 0))
