"""Two helpers of Hyperopt's that other libraries call, Ray Tune among them."""

from __future__ import annotations

import datetime
from collections.abc import MutableMapping
from typing import Any

from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.pyll.base import Apply, Literal, dfs


def coarse_utcnow() -> datetime.datetime:
    """Return the time in UTC, without a zone, to the millisecond."""
    time = datetime.datetime.now(datetime.UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=None)


def use_obj_for_literal_in_memo(expr: Apply, obj: Any, lit: Any, memo: MutableMapping[Apply, Any]) -> Any:
    """Put a value into a memo for each literal of an expression that is another one.

    Args:
        obj: the value, such as a `Ctrl`.
        lit: what the literals hold, such as the class `Ctrl`.
        memo: for `rec_eval`; it is changed, and returned.
    """
    memo.update((node, obj) for node in dfs(expr) if isinstance(node, Literal) and _is_same(node.obj, lit))
    return memo


def _is_same(value: Any, other: Any) -> bool:
    try:
        return bool(value is other or value == other)
    except ValueError:  # an array is compared value by value
        return False


__getattr__ = refuser(__name__)
