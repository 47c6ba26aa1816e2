"""From what an objective returned to the values of a trial, or to the reason why it has none."""

from __future__ import annotations

import math
from typing import Any

from tunesmith.numerics.scalars import real

Values = tuple[float, ...]


def to_values(result: Any, n_objectives: int) -> tuple[Values | None, str | None]:
    """Return (values, None), or (None, reason) for a result that is not one number per objective.

    Args:
        result: a number (Python, NumPy, a 0-d tensor), or a sequence of them for several objectives.
        n_objectives: how many numbers are expected.
    """
    if type(result) is float and n_objectives == 1:
        return ((result,), None) if result == result else (None, NAN_REASON)
    if result is None:
        return None, f"the objective returned None; {_expected(n_objectives)} (is a `return` missing?)"
    if isinstance(result, str | bytes):
        return None, f"the objective returned the text {result!r:.80}; {_expected(n_objectives)}"
    single = n_objectives == 1 and not isinstance(result, list | tuple) and not getattr(result, "ndim", 0)
    items = [result] if single else _items(result)
    if items is None or len(items) != n_objectives:
        given = f"{len(items)} values" if items is not None else f"a {type(result).__name__}"
        return None, f"the objective returned {given} ({result!r:.80}); {_expected(n_objectives)}"
    values: list[float] = []
    for item in items:
        if isinstance(item, str | bytes) or item is None:
            return None, f"the objective returned {item!r:.80} among its values; {_expected(n_objectives)}"
        try:
            values.append(real(item))
        except (TypeError, ValueError):
            return None, f"the objective returned a {type(item).__name__} ({item!r:.80}); {_expected(n_objectives)}"
    if any(map(math.isnan, values)):
        return None, NAN_REASON
    return tuple(values), None


NAN_REASON = "the objective returned NaN (the run diverged?)"


def is_nan_reason(reason: str | None) -> bool:
    """Tell whether the only fault is a NaN: a result of the run, not a mistake in the objective."""
    return reason == NAN_REASON


def _expected(n: int) -> str:
    return "a number is expected" if n == 1 else f"a sequence of {n} numbers is expected, one for each direction"


def _items(result: Any) -> list[Any] | None:
    try:
        return list(result)
    except TypeError:
        return None
