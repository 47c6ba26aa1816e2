"""Checks of what pruners are given."""

from __future__ import annotations

from typing import Any

from tunesmith.foundation.arguments import is_whole
from tunesmith.foundation.text import real, shown


def whole(least: int, pruner: str, name: str, value: Any) -> int:
    """Return a whole number that is at least so high; an error that names the pruner and its argument otherwise."""
    if not is_whole(value):
        raise TypeError(f"{pruner}: {name} must be a whole number; got {shown(value)}")
    if value < least:
        raise ValueError(f"{pruner}: {name} must be at least {least}; got {shown(value)}")
    return int(value)


def whole_or_auto(least: int, pruner: str, name: str, value: Any) -> int | None:
    """Return a whole number as `whole` does, or None for ``"auto"``."""
    if isinstance(value, str) and value == "auto":
        return None
    if isinstance(value, str):
        raise ValueError(f'{pruner}: {name} must be a whole number or "auto"; got {shown(value)}')
    return whole(least, pruner, name, value)


def in_range(pruner: str, name: str, value: Any, low: float, high: float) -> float:
    """Return a number from `low` to `high`; an error that names the pruner and its argument otherwise."""
    try:
        found = real(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{pruner}: {name} must be a number; got {shown(value)}") from None
    if not low <= found <= high:
        raise ValueError(f"{pruner}: {name} must be from {low:g} to {high:g}; got {shown(value)}")
    return found
