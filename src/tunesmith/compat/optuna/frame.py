"""Trials as a pandas data frame with Optuna's columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "number", "value", "datetime_start", "datetime_complete", "duration", "params", "user_attrs", "system_attrs",
    "state",
)  # fmt: skip


def to_frame(
    trials: Sequence[FrozenTrial], names: Sequence[str] | None, n_objectives: int, attrs: Sequence[str], multi: bool
) -> pd.DataFrame:
    """Return one row a trial.

    Args:
        trials: the records.
        names: those of the objectives; None: they have none.
        n_objectives: how many there are.
        attrs: attributes of trials; one that is a dict gives a column for each of its keys.
        multi: columns as pairs ("params", "x") instead of "params_x".

    Raises:
        MissingDependencyError: pandas is not installed.
        ValueError: trials have no such attribute.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("trials_dataframe needs pandas: pip install pandas") from error
    attrs = ["values" if attr == "value" and n_objectives > 1 else attr for attr in attrs]
    if not trials:
        return pd.DataFrame()
    columns: dict[tuple[str, Any], list[Any]] = {}
    for attr in attrs:
        rows = [_cells(trial, attr, names, n_objectives) for trial in trials]
        keys = dict.fromkeys(key for row in rows for key in row)
        ordered = sorted(keys) if isinstance(getattr(trials[0], attr), dict) else list(keys)
        columns |= {(attr.removeprefix("_"), key): [row.get(key) for row in rows] for key in ordered}
    pairs = pd.MultiIndex.from_tuples(list(columns))
    frame = pd.DataFrame(dict(enumerate(columns.values())))
    frame.columns = pairs if multi else pd.Index(["_".join(t for t in map(str, pair) if t) for pair in pairs])
    return frame


def _cells(trial: FrozenTrial, attr: str, names: Sequence[str] | None, n_objectives: int) -> dict[Any, Any]:
    """Return what a trial has of an attribute by the second part of the column's name, which may be empty."""
    if not hasattr(trial, attr):
        raise ValueError(f"trials have no attribute {attr!r}; use for example {', '.join(COLUMNS)}")
    value = getattr(trial, attr)
    if isinstance(value, dict):
        return value
    if attr == "values":
        return dict(zip(names or range(n_objectives), value or [None] * n_objectives, strict=False))
    if attr == "value" and names:
        return {names[0]: value}
    return {"": value.name if attr == "state" else value}
