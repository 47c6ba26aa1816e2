"""What the objective's values are called where trials are logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.text import shown


def named_values(names: Any, values: Sequence[float]) -> dict[str, float]:
    """Return the values of a trial by name.

    Args:
        names: a name, to which numbers are added if there are several values; or a name for each.
        values: of the objectives; empty: there are none.

    Raises:
        TypeError: the names are neither a text nor a list of texts.
        ValueError: there are more or fewer names than values.
    """
    if isinstance(names, str):
        return {names if len(values) == 1 else f"{names}_{i}": value for i, value in enumerate(values)}
    if not isinstance(names, Sequence):
        raise TypeError(f"metric_name takes a text, or a list with one for each objective; got {shown(names)}")
    if values and len(names) != len(values):
        raise ValueError(f"metric_name has {len(names)} names, and a trial has {len(values)} values")
    return dict(zip(names, values, strict=False))
