"""What the cells of tables mean: texts as numbers, and moments as unix time."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import numpy as np

from tunesmith.interchange.limits import DEEPEST, check_depth, parsed

_WORDS = {"true": True, "false": False, "none": None, "null": None}
_INTEGER = re.compile(r"[+-]?\d{1,600}")  # as many digits as an attribute may have
_BARE_NAN = re.compile(r"\b(?:nan|NaN)\b")
LONGEST_NUMBER = 1000  # characters
LONGEST = 1_000_000  # characters of a cell that are read as a dict


def plain(value: Any) -> Any:
    """Return a cell as a value of Python's own: NumPy's scalars are numbers, and what is missing to pandas is None."""
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or (value != value and not isinstance(value, float)):  # pandas.NaT
        return None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty."""
    return value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and value != value)


def is_not_a_number(value: Any) -> bool:
    """Tell whether a cell is a text that says NaN, as tools write what is missing."""
    return isinstance(value, str) and value.strip().lower() == "nan"


def typed(value: Any) -> Any:
    """Return what a text stands for, if it is a number, true, false, none or a list; other values stay."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) <= LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text)
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        with suppress(ValueError):
            return float(text)
    if text[:1] in ("[", "("):
        with suppress(ValueError):
            return _literal(text)
    return value


def _literal(text: str) -> Any:
    """Return what a text of Python says: numbers, texts, lists and dicts.

    Raises:
        ValueError: it says nothing of that, or too much.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST:,} characters")
    try:
        found = ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None
    check_depth(found)
    return found


def typed_column(values: Sequence[Any], gaps: bool = False) -> list[Any]:
    """Return the values of a column; whole numbers among real ones become real.

    Args:
        values: those that are there.
        gaps: whether others are missing: then pandas has made real numbers of whole ones, and this is undone.
    """
    found = [typed(v) for v in values]
    numbers = [v for v in found if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if not any(isinstance(v, float) for v in numbers):
        return found
    whole = gaps and all(isinstance(v, int) or (v.is_integer() and abs(v) < 2**53) for v in numbers)
    if whole:
        return [int(v) if isinstance(v, float) else v for v in found]
    return [float(v) if type(v) is int and abs(v) <= 2**53 else v for v in found]  # beyond, digits would be lost


def number(value: Any) -> float | None:
    """Return a cell as a number; None: it is none."""
    value = typed(plain(value))
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    if isinstance(value, str) and value.strip().lower() in ("infinity", "-infinity", "inf", "-inf"):
        return math.inf if value.strip()[0] != "-" else -math.inf
    return None


def as_dict(value: Any) -> Mapping[str, Any] | None:
    """Return a cell that holds a dict, or the text of one, as JSON or as Python shows it; None: it holds none."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not value.strip().startswith("{") or len(value) > LONGEST:
        return None
    try:
        found = parsed(value)
    except ValueError:
        try:
            found = _literal(_BARE_NAN.sub("None", value))
        except ValueError:
            return None
    return found if isinstance(found, Mapping) else None


def flat(nested: Mapping[Any, Any], prefix: str = "", separator: str = ".", depth: int = 0) -> dict[str, Any]:
    """Return the leaves of nested dicts: ``{"opt": {"lr": 1}}`` gives "opt.lr".

    Args:
        nested: the dicts.
        prefix: of all names.
        separator: between the names of the levels.
        depth: so many levels are above.

    Raises:
        ValueError: there are too many levels.
    """
    if depth > DEEPEST:
        raise ValueError(f"there are more than {DEEPEST} levels of dicts")
    found: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}{separator}", separator, depth + 1)
        else:
            found[name] = value
    return found


def moment(value: Any) -> float:
    """Return a moment as unix time; NaN: it is none. Texts without a time zone are local."""
    value = plain(value)
    if isinstance(value, datetime):
        with suppress(ValueError, OverflowError):
            return value.timestamp()
        return math.nan
    amount = number(value)
    if amount is not None:
        return amount / 1000 if amount > 1e11 else amount if amount > 1e8 else math.nan  # milliseconds, seconds
    try:
        return datetime.fromisoformat(str(value).strip()).timestamp()
    except (ValueError, OverflowError):
        return math.nan
