"""One option of a program, as far as it is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

LONGEST = 1000  # characters of a line of a program's output that are looked at: no option needs more
_DIGITS = r"\d+(?:_\d+)*"
_WHOLE = re.compile(rf"[+-]?{_DIGITS}")
_NUMBER = re.compile(rf"[+-]?({_DIGITS}(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass
class Option:
    """An option.

    Attributes:
        name: without the dashes; of Hydra, with dots.
        default: its value if it is not given; None: it has none, or that is not known.
        choices: what it may be; None: anything.
        is_flag: whether it takes no value.
        low: the smallest number that it may be; None: not known. Bounds of a whole number are whole numbers.
        high: the largest one.
        inside: whether a number that is not whole must differ from these, the smallest and the largest.
        is_group: whether it chooses a part of a configuration, on which other settings depend.
        words: what the program says of it.
    """

    name: str
    default: Any = None
    choices: list[Any] | None = None
    is_flag: bool = False
    low: float | None = None
    high: float | None = None
    inside: tuple[bool, bool] = (False, False)
    is_group: bool = False
    words: str = ""


def value_of(text: str) -> Any:
    """Return what a text stands for: a whole number, a number, true, false, none, or itself."""
    text = text.strip()
    if text in ("None", "none", "null", "~", ""):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text.strip("'\"")
