"""What figures of scaling laws share: the fitted law, and how a scale is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.scaling import ScalingLaw
from tunesmith.text import printable, shown

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def as_law(law: Any, what: str) -> ScalingLaw:
    """Return a fitted law.

    Args:
        law: what the user gave.
        what: the function that was called.

    Raises:
        TypeError: it is no fitted law.
    """
    if isinstance(law, ScalingLaw) and hasattr(law, "fitted"):
        return law
    raise TypeError(f"{what} takes a fitted tunesmith.scaling.ScalingLaw; got {shown(law)}")


def amount(value: float) -> str:
    """Return a number of parameters or tokens as people write it: 60M, 1.4B; small ones as they are."""
    for size, suffix in _SUFFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.4g}"


def place(names: Sequence[str], values: Sequence[float], group: str = "") -> str:
    """Return a scale as text: ``60M params, 2B tokens``.

    Args:
        names: of the scale variables.
        values: of them.
        group: of the scale, or the empty text.
    """
    said = [f"{amount(value)} {printable(name)}" for name, value in zip(names, values, strict=True)]
    return ", ".join([*said, *([printable(group)] if group else [])])
