"""Ranges of parameters that nobody gave, from the values that were used."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Parameter
from tunesmith.space.labels import label_key
from tunesmith.text import shown

RATIO = 100  # of the largest to the smallest: from here on, a range is taken to be one of magnitudes
DOUBLINGS = 8  # the same for powers of two
MOST = 50  # different values of a choice; more is a name or a note


def infer(values: Sequence[Any]) -> Parameter | str:
    """Return the range of a parameter.

    Whole numbers are an `Int`, numbers a `Float`, from the smallest to the largest; in the logarithm if all are above 0
    and span a factor of 100, or are powers of two and span 8. All else is a choice.

    Args:
        values: those that were used, without missing ones.

    Returns:
        the parameter, or why there is none, in words.
    """
    distinct: dict[Hashable, Any] = {}
    for value in values:
        key = label_key(value)
        if key is None:
            return f"its values are of a kind that no parameter takes, such as {shown(value, 40)}"
        distinct.setdefault(key, value)
    found = list(distinct.values())
    if len(found) < 2:
        return "it has one value" if found else "it has no value"
    if all(type(value) is bool for value in found):
        return Categorical([False, True])
    if all(type(value) in (int, float) and abs(value) < float("inf") for value in found):
        try:
            return _range(found)
        except (SpaceError, OverflowError):  # wider than a range can be
            return "its values span more than a range can"
    if len(found) > MOST and 2 * len(found) > len(values):
        return f"it has {len(found)} different values that are no numbers"
    return Categorical(found)


def _range(values: list[Any]) -> Parameter:
    low, high = min(values), max(values)
    if all(type(value) is int for value in values):
        doubled = all(value > 0 and value & (value - 1) == 0 for value in values)
        log = low >= 1 and high < 2**40 and high / low >= (DOUBLINGS if doubled and len(values) > 2 else RATIO)
        return Int(low, high, log=log)
    return Float(float(low), float(high), log=low > 0 and high / low >= RATIO)


def in_words(parameter: Parameter) -> str:
    """Return a range as `--param` takes it."""
    if isinstance(parameter, Categorical):
        return " | ".join(str(label) for label in parameter.labels)
    if isinstance(parameter, Int | Float):
        kind = "int" if isinstance(parameter, Int) else "float"
        kind = ("log int" if kind == "int" else "log") if parameter.log else kind
        low, high = (f"{x:g}" if isinstance(x, float) else str(x) for x in (parameter.low, parameter.high))
        return f"{kind}({low}, {high})"
    return repr(parameter)
