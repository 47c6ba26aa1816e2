"""What figures of scaling laws share: the fitted law, and how a scale is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tunesmith.foundation.text import printable, shown
from tunesmith.scaling import ScalingLaw

TICKS_OF_SCALES = 7
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


def log_axis(low: float, high: float) -> dict[str, Any]:
    """Return the type, ticks and range of a logarithmic axis: powers of ten, and 2 and 5 times these where they fit.

    Args:
        low: least value that is shown.
        high: the greatest.
    """
    more = (high / low) ** 0.05
    low, high = low / more, high * more
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors: tuple[float, ...] = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    at = [value for decade in decades for factor in factors if low <= (value := factor * 10.0**decade) <= high]
    at = at[:: -(-len(at) // TICKS_OF_SCALES)] if at else []
    ends = [math.log10(low), math.log10(high)]
    return {"type": "log", "tickvals": at, "ticktext": [amount(value) for value in at], "range": ends}


def place(names: Sequence[str], values: Sequence[float], group: str = "") -> str:
    """Return a scale as text: ``60M params, 2B tokens``.

    Args:
        names: of the scale variables.
        values: of them.
        group: of the scale, or the empty text.
    """
    said = [f"{amount(value)} {printable(name)}" for name, value in zip(names, values, strict=True)]
    return ", ".join([*said, *([printable(group)] if group else [])])
