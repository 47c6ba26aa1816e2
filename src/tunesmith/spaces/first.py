"""Portfolios: configurations that did well on many data sets, which a search tries after the default.

They were chosen greedily from a matrix of scores, models by data sets (`benchmarks/portfolio.py`): each next one is
that which adds most to the best of those before it, on average (Feurer et al. 2022, "Auto-sklearn 2.0"; Wistuba,
Schilling and Schmidt-Thieme 2015, "Sequential model-free hyperparameter tuning"). They have no units: a number is kept
as its place in its range, 0 to 1, and the range depends on the data; a choice is kept by its label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.space import Categorical, Space
from tunesmith.space.base import Parameter
from tunesmith.spaces.joined import AutoSpace

PORTFOLIO = Path(__file__).parent / "portfolio.json"
Values = Mapping[str, Any]


@cache
def _portfolios() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(PORTFOLIO.read_text())
    return found


def portfolio_of(family: str) -> list[dict[str, Any]]:
    """Return the portfolio of a class of estimators by its known name; none: it has none.

    Args:
        family: such as "sklearn.SVC".
    """
    return _portfolios().get(family.rpartition(".")[2], [])


def first_rows(auto: AutoSpace, default: Values | None) -> list[list[float]]:
    """Return the points that a search tries after the default, in order.

    Args:
        auto: the space.
        default: the estimator's own values, where it tells them. What has no portfolio keeps them; if that is not
            possible, it has the middle of its range.

    Returns:
        rows of internal values, each a valid point, without repetitions.
    """
    space = auto.space
    length = max((len(portfolio_of(part.family)) for part in auto.parts), default=0)
    usual = np.array([_usual(param, (default or {}).get(name)) for name, param in space.items()])
    rows: list[list[float]] = []
    for turn in range(length):
        x = usual.copy()
        for part in auto.parts:
            portfolio = portfolio_of(part.family)
            if portfolio:  # a shorter one begins again
                _place(x, space, part.prefix, portfolio[turn % len(portfolio)])
        row = space.mask(x[None])
        if space.contains_rows(row)[0] and not any(np.array_equal(row[0], r, equal_nan=True) for r in rows):
            rows.append(row[0].tolist())
    return rows


def _place(x: np.ndarray[Any, Any], space: Space, prefix: str, values: Values) -> None:
    """Write the values of one configuration into a row of internal values."""
    for name, value in values.items():
        param = space.get(prefix + name)
        if param is None:
            continue
        j = space.names.index(prefix + name)
        if isinstance(param, Categorical):
            label = tuple(value) if isinstance(value, list) else value
            if param.contains(label):
                x[j] = param.to_internal(label)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            x[j] = float(param.from_unit(np.array([value]))[0])


def _usual(param: Parameter, value: Any) -> float:
    """Return the internal value of the estimator's own one, or of the middle."""
    if param.contains(value):
        return param.to_internal(value)
    return float(param.from_unit(np.array([0.5]))[0])
