"""From what an objective returned to the values of a trial, or to the reason why it has none."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from tunesmith.errors import ObjectiveError
from tunesmith.numerics.scalars import real
from tunesmith.text import name_and_message, saferepr

Values = tuple[float, ...]


def to_values(result: Any, n_objectives: int) -> tuple[Values | None, str | None]:
    """Return (values, None), or (None, reason) for a result that is not one number per objective.

    Args:
        result: a number (Python, NumPy, a 0-d tensor), or a sequence of them for several objectives.
        n_objectives: how many numbers are expected.
    """
    if type(result) is float and n_objectives == 1:
        return ((result,), None) if result == result else (None, NAN_REASON)
    try:
        return _read(result, n_objectives)
    except Exception as error:  # of the result's own class: its __float__, its __iter__
        told = f"reading it raised {name_and_message(error)}"
        return None, f"the objective returned a {type(result).__name__}, and {told}; {_expected(n_objectives)}"


def _read(result: Any, n_objectives: int) -> tuple[Values | None, str | None]:
    """Return what ``to_values`` does, for any result but a plain float."""
    if result is None:
        return None, f"the objective returned None; {_expected(n_objectives)} (is a `return` missing?)"
    if isinstance(result, str | bytes):
        return None, f"the objective returned the text {saferepr(result)}; {_expected(n_objectives)}"
    single = n_objectives == 1 and not isinstance(result, list | tuple) and not getattr(result, "ndim", 0)
    items = [result] if single else _items(result)
    if items is None or len(items) != n_objectives:
        count = "" if items is None else f"{len(items)} values" if len(items) < MOST else f"{MOST} values or more"
        given = count or f"a {type(result).__name__}"
        return None, f"the objective returned {given} ({saferepr(result)}); {_expected(n_objectives)}"
    values: list[float] = []
    for item in items:
        if isinstance(item, str | bytes) or item is None:
            return None, f"the objective returned {saferepr(item)} among its values; {_expected(n_objectives)}"
        try:
            values.append(real(item))
        except OverflowError:
            return None, f"the objective returned {saferepr(item)}, which is too large; {_expected(n_objectives)}"
        except (TypeError, ValueError):
            return None, f"the objective returned a {type(item).__name__} ({saferepr(item)}); {_expected(n_objectives)}"
    if any(map(math.isnan, values)):
        return None, NAN_REASON
    return tuple(values), None


def as_fault(error: BaseException) -> BaseException:
    """Return the error by which a trial failed, as ``catch`` and the caller of ``optimize`` see it.

    ``sys.exit()`` in an objective is a mistake of the objective, wherever it runs: passed on as it is, it would end the
    search without a word, and no ``catch`` could name it.
    """
    if not isinstance(error, SystemExit):
        return error
    code = "" if error.code is None else saferepr(error.code)
    fault = ObjectiveError(
        f"the objective called sys.exit({code}); raise an exception for a trial that failed, and call study.stop() to "
        "end the search"
    )
    fault.__cause__ = error
    return fault


MOST = 1000  # items of a result that are looked at: an iterator may have no end
NAN_REASON = "the objective returned NaN (the run diverged?)"


def is_nan_reason(reason: str | None) -> bool:
    """Tell whether the only fault is a NaN: a result of the run, not a mistake in the objective."""
    return reason == NAN_REASON


def _expected(n: int) -> str:
    return "a number is expected" if n == 1 else f"a sequence of {n} numbers is expected, one for each direction"


def _items(result: Any) -> list[Any] | None:
    try:
        return list(islice(iter(result), MOST))
    except TypeError:
        return None
