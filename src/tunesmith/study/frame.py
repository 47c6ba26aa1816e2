"""Trials as a pandas data frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import MissingDependencyError
from tunesmith.study.query.columns import ABSENT
from tunesmith.trial import FrozenTrial
from tunesmith.trial.metrics import Metrics

if TYPE_CHECKING:
    import pandas as pd

_NESTED = ("params", "user_attrs", "system_attrs", "distributions", "intermediate_values", "constraints")


def to_frame(trials: list[FrozenTrial], n_objectives: int, attrs: Sequence[str], multi_index: bool) -> pd.DataFrame:
    """Return one row a trial.

    Args:
        n_objectives: "value" becomes "values_0", "values_1", ... where it is more than 1.
        attrs: names of `FrozenTrial` attributes; a mapping gives one column a key, such as "params_lr".
        multi_index: columns as pairs ("params", "lr") instead.

    Raises:
        MissingDependencyError: pandas is not installed.
        ValueError: an attribute that records do not have.
    """
    pd = _pandas("trials_dataframe")
    columns: dict[tuple[str, str], Any] = dict(to_columns(trials, n_objectives, attrs))
    order = list(columns)
    for c in order:
        if any(value is None for value in columns[c]) and c[0] == "params":  # None is a value there, and NaN is none
            found = [math.nan if value is ABSENT else value for value in columns[c]]
            columns[c] = pd.Series(found, dtype=object)
        else:
            columns[c] = [None if value is ABSENT else value for value in columns[c]]
    frame = pd.DataFrame({c: columns[c] for c in order}, columns=pd.MultiIndex.from_tuples(order) if order else None)
    if not multi_index:
        frame.columns = pd.Index([f"{a}_{k}" if k else a for a, k in order])
    return frame


def to_metrics_frame(metrics: Mapping[int, Metrics], names: Sequence[str] | None) -> pd.DataFrame:
    """Return one row a trial and step, with one column a metric; NaN: the trial did not log it at that step.

    Args:
        metrics: by the number of the trial.
        names: the columns; None: all that there are, in the order of the alphabet.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    return _pandas("metrics_dataframe").DataFrame(metrics_columns(metrics, names))


def _pandas(what: str) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError(f"{what} needs pandas: pip install pandas") from error
    return pandas


def metrics_columns(metrics: Mapping[int, Metrics], names: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    """Return the columns of a table with one row a trial and step; see `to_metrics_frame`.

    A metric that is itself called "number" or "step" becomes "metrics_number" or "metrics_step".
    """
    found = sorted({name for own in metrics.values() for name in own}) if names is None else names
    columns = {name: f"metrics_{name}" if name in ("number", "step") else name for name in found}
    parts: dict[str, list[Any]] = {"number": [], "step": [], **{name: [] for name in columns.values()}}
    for number, own in metrics.items():
        steps = np.unique(np.concatenate([series[0] for series in own.values()]))
        parts["number"].append(np.full(len(steps), number))
        parts["step"].append(steps)
        for name, shown in columns.items():
            column = np.full(len(steps), math.nan)
            if name in own:
                column[np.searchsorted(steps, own[name][0])] = own[name][1]
            parts[shown].append(column)
    kinds = {"number": np.int64, "step": np.int64}
    empty = {name: np.empty(0, kinds.get(name, np.float64)) for name in parts}
    return {name: np.concatenate(some) if some else empty[name] for name, some in parts.items()}


def to_columns(trials: list[FrozenTrial], n_objectives: int, attrs: Sequence[str]) -> dict[tuple[str, str], list[Any]]:
    """Return the columns of a table with one row a trial; see `to_frame`.

    Args:
        n_objectives: how many values each has.

    Returns:
        each column by the attribute and its key, which is empty where the attribute is one value. `ABSENT` stands where
        a trial has no such parameter; other keys that it does not have are None.
    """
    for attr in attrs:
        if not hasattr(FrozenTrial, attr):
            raise ValueError(f"trials have no attribute {attr!r}; use for example 'number', 'value', 'params', 'state'")
    return {
        (attr, key): column for attr in dict.fromkeys(attrs) for key, column in _columns(trials, attr, n_objectives)
    }


def _columns(trials: list[FrozenTrial], attr: str, n_objectives: int) -> list[tuple[str, list[Any]]]:
    """Return the columns of an attribute, with the second part of their names; reads each trial once."""
    if attr in ("value", "values"):
        values = [t.values if t.values is not None else (None,) * n_objectives for t in trials]
        columns = [list(column) for column in zip(*values, strict=True)]
        return [("", columns[0])] if len(columns) == 1 else [(str(k), column) for k, column in enumerate(columns)]
    if attr == "noise":  # a column where any trial has one
        noise = [t.noise for t in trials]
        if not any(noise):
            return []
        columns = [[None if sd is None else sd[k] for sd in noise] for k in range(n_objectives)]
        return [("", columns[0])] if len(columns) == 1 else [(str(k), column) for k, column in enumerate(columns)]
    if attr in _NESTED:
        read = "flat_params" if attr == "params" else attr
        rows = [getattr(t, read) or {} for t in trials]
        if attr == "intermediate_values" and n_objectives > 1:
            rows = [{f"{step}_{k}": v for step, each in row.items() for k, v in enumerate(each)} for row in rows]
        keys = dict.fromkeys(key for row in rows for key in row)
        absent = ABSENT if attr == "params" else None
        return [(str(key), [row.get(key, absent) for row in rows]) for key in keys]
    if attr == "state":
        return [("", [t.state.name for t in trials])]
    return [("", [getattr(t, attr) for t in trials])]
