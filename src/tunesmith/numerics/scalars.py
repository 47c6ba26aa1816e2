"""One number, from whatever library it is of."""

from __future__ import annotations

from typing import Any


def real(value: Any) -> float:
    """Return a number as a float, as ``float`` does, but refuse complex ones, whose imaginary part NumPy would drop.

    Raises:
        TypeError: it is complex, or no number.
        ValueError: it is a text, or an array of several numbers.
    """
    if getattr(getattr(value, "dtype", None), "kind", "") == "c":
        raise TypeError(f"a real number is expected, not a complex one; got {value!r:.80}")
    return float(value)
