"""Whether a point that is to be enqueued is there already."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.records import FIXED

CLOSE = 1e-5  # relative difference below which two numbers are the same point, as in Optuna


def is_there(params: Mapping[str, Any], trials: Iterable[FrozenTrial]) -> bool:
    """Tell whether one of the trials has, or is enqueued with, just these parameters.

    Args:
        params: values by name.
        trials: of the study.
    """
    return any(_is_same(params, trial.system_attrs.get(FIXED, trial.params)) for trial in trials)


def _is_same(params: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    if params.keys() != others.keys():
        return False
    return all(_is_close(value, others[name]) for name, value in params.items())


def _is_close(value: Any, other: Any) -> bool:
    if not isinstance(value, type(other)):
        return False
    if not isinstance(value, Real) or not isinstance(other, Real):
        return bool(value == other)
    a, b = float(value), float(other)
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=CLOSE)
