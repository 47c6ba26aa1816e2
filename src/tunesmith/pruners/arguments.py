"""Ranges of what pruners are given; types are checked at the door, see `tunesmith.foundation.arguments`."""

from __future__ import annotations

from tunesmith.foundation.text import shown


def at_least(least: int, pruner: str, name: str, value: int) -> int:
    """Return a count; an error that names the pruner and its argument if it is lower than `least`."""
    if value < least:
        raise ValueError(f"{pruner}: {name} must be at least {least}; got {shown(value)}")
    return int(value)


def at_least_or_auto(least: int, pruner: str, name: str, value: int | str) -> int | None:
    """Return a count as `at_least` does, or None for ``"auto"``."""
    return None if isinstance(value, str) else at_least(least, pruner, name, value)


def in_range(pruner: str, name: str, value: float, low: float, high: float) -> float:
    """Return a number from `low` to `high`; an error that names the pruner and its argument otherwise."""
    if not low <= value <= high:
        raise ValueError(f"{pruner}: {name} must be from {low:g} to {high:g}; got {shown(value)}")
    return float(value)
