"""Portfolios: configurations that did well on many data sets, which a search tries after the default.

They were chosen greedily from a matrix of scores, models by data sets (`benchmarks/portfolio.py`): each next one is
that with which a search that tries all so far gets most, on average (Feurer et al. 2022, "Auto-sklearn 2.0"; Wistuba,
Schilling and Schmidt-Thieme 2015, "Sequential model-free hyperparameter tuning"; there the best of them counts, here
the one that the search would take for the best). They have no units: a number is kept as its place in its range, 0 to
1, and the range depends on the data; a choice is kept by its label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.space import Categorical, Space
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.joined import AutoSpace, Part

PORTFOLIO = Path(__file__).parent / "portfolio.json"
MOST, AMONG = 5, 2  # configurations that come first: of one estimator, and of each member of a choice among several
Values = Mapping[str, Any]


@cache
def _portfolios() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(PORTFOLIO.read_text())
    return found


def portfolio_of(family: str) -> list[dict[str, Any]]:
    """Return the portfolio of a class of estimators by its known name; none: it has none."""
    return _portfolios().get(family.rpartition(".")[2], [])


def first_rows(auto: AutoSpace, default: Values | None) -> list[list[float]]:
    """Return the points that a search tries after the default, in order.

    Args:
        default: the estimator's own values, where it tells them. What has no portfolio keeps them; if that is not
            possible, it has the middle of its range.

    Returns:
        rows of internal values, each a valid point, without repetitions.
    """
    space = auto.space
    usual = np.array([_usual(param, (default or {}).get(name)) for name, param in space.items()])
    members = list({tuple(part.when.items()): None for part in auto.parts if part.when})  # of a choice of estimators
    rows: list[list[float]] = []
    for turn in range(-1 if members else 0, AMONG if members else MOST):
        for when in members or [()]:
            x = usual.copy()
            for name, value in when:
                if name in space:
                    x[space.names.index(name)] = space[name].to_internal(value)
            used = [part for part in auto.parts if set(part.when.items()) <= set(when)]
            if turn >= 0 and not _place_turn(x, space, used, turn):
                continue  # turn -1 is a member as it is
            row = space.mask(x[None])
            if space.contains_rows(row)[0] and not any(np.array_equal(row[0], r, equal_nan=True) for r in rows):
                rows.append(row[0].tolist())
    return rows


def _place_turn(x: np.ndarray[Any, Any], space: Space, parts: Sequence[Part], turn: int) -> bool:
    """Write the values of one turn of the parts' portfolios into a row; return whether there are any."""
    portfolios = [(part, portfolio) for part in parts if (portfolio := portfolio_of(part.family))]
    for part, portfolio in portfolios:  # a shorter one begins again
        _place(x, space, part, portfolio[turn % len(portfolio)])
    return turn < max((len(portfolio) for _, portfolio in portfolios), default=0)


def _place(x: np.ndarray[Any, Any], space: Space, part: Part, values: Values) -> None:
    """Write the values of one configuration into a row of internal values, as far as their ranges are automatic."""
    for name, value in values.items():
        column = part.prefix + name
        if name not in part.params or column not in space:
            continue
        j, param = space.names.index(column), space[column]
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
