"""Trials as a pandas data frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.errors import MissingDependencyError
from tunesmith.trial import FrozenTrial

if TYPE_CHECKING:
    import pandas as pd

_NESTED = ("params", "user_attrs", "system_attrs", "distributions", "intermediate_values", "constraints")


def to_frame(trials: list[FrozenTrial], n_objectives: int, attrs: Sequence[str], multi_index: bool) -> pd.DataFrame:
    """Return one row a trial.

    Args:
        trials: the records.
        n_objectives: "value" becomes "values_0", "values_1", ... where it is more than 1.
        attrs: names of :class:`FrozenTrial` attributes; a mapping gives one column a key, such as "params_lr".
        multi_index: columns as pairs ("params", "lr") instead.

    Raises:
        MissingDependencyError: pandas is not installed.
        ValueError: an attribute that records do not have.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("trials_dataframe needs pandas: pip install pandas") from error
    for attr in attrs:
        if not hasattr(FrozenTrial, attr):
            raise ValueError(f"trials have no attribute {attr!r}; use for example 'number', 'value', 'params', 'state'")
    columns: dict[tuple[str, str], list[Any]] = {}
    for i, t in enumerate(trials):
        for attr in attrs:
            for key, value in _cells(t, attr, n_objectives):
                columns.setdefault((attr, key), [None] * len(trials))[i] = value
    order = sorted(columns, key=lambda c: list(attrs).index(c[0]))
    frame = pd.DataFrame({c: columns[c] for c in order}, columns=pd.MultiIndex.from_tuples(order) if order else None)
    if not multi_index:
        frame.columns = pd.Index([f"{a}_{k}" if k else a for a, k in order])
    return frame


def _cells(t: FrozenTrial, attr: str, n_objectives: int) -> list[tuple[str, Any]]:
    if attr in ("value", "values"):
        values = t.values if t.values is not None else (None,) * n_objectives
        return [("", values[0])] if n_objectives == 1 else [(str(k), v) for k, v in enumerate(values)]
    value = getattr(t, attr)
    if attr in _NESTED:
        return [(str(k), v) for k, v in (value or {}).items()]
    return [("", value.name if attr == "state" else value)]
