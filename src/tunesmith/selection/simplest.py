"""The one-standard-error rule: the simplest configuration among those that cannot be told from the best.

Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees" (1984), section 3.4.3. The user says
what is simple: a parameter's name, several of them in order of importance, or a function of the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.numerics.arrays import Floats

Complexity = Callable[[Mapping[str, Any]], Any] | str | Sequence[str]


def check_simplest(simplest: Any, complexity: Any) -> None:
    """Raise unless both are given or none.

    Raises:
        ValueError: one of them is missing.
    """
    if (simplest is None) is not (complexity is None):
        raise ValueError('simplest="one-se" and complexity= go together: what is simple is for you to say')


def simplest_within(loss: ArrayLike, error: ArrayLike, complexity: ArrayLike) -> int:
    """Return the index of the simplest candidate whose loss is at most one standard error above the lowest.

    Args:
        loss: mean losses [C], low is good; NaN: no candidate.
        error: standard error of the best candidate's loss, or of each one [C].
        complexity: [C], or [C, k] to be compared column after column; low is simple. Among equals the lower loss wins.

    Raises:
        ValueError: no candidate has a loss, or the shapes do not fit.
    """
    values = np.asarray(loss, float)
    rank = np.asarray(complexity, float)
    rank = rank[:, None] if rank.ndim == 1 else rank
    if values.ndim != 1 or len(rank) != len(values) or np.isnan(values).all():
        raise ValueError(
            f"simplest_within() takes losses [C] and complexities [C] or [C, k]; got the shapes {values.shape} and "
            f"{np.shape(complexity)}, {int(np.isfinite(values).sum())} losses finite"
        )
    best = int(np.nanargmin(values))
    width = float(np.broadcast_to(np.asarray(error, float), values.shape)[best])
    limit = values[best] + (width if width > 0 else 0.0)  # NaN: the error is not known, and only ties are as good
    near = np.flatnonzero(values <= limit)
    order = sorted(near.tolist(), key=lambda i: (*rank[i].tolist(), float(values[i]), i))
    return int(order[0])


def complexities(params: Sequence[Mapping[str, Any]], complexity: Complexity) -> Floats:
    """Return how complex configurations are, [C, k], low is simple.

    Args:
        params: the configurations.
        complexity: a parameter's name ("max_depth": fewer is simpler); with a minus before it, more is simpler
            ("-min_samples_leaf"); several names, the first counts most; or a function of the parameters that returns
            a number or a tuple of numbers. A parameter that a configuration has not is the simplest value of all, and
            None, which mostly means "no limit", the most complex one.

    Raises:
        ValueError: no configuration has a parameter of a name given, or a value of it is no number.
        TypeError: it is none of these, or the function returns no number.
    """
    if callable(complexity):
        rows = [_numbers(complexity(dict(p))) for p in params]
        if len({len(row) for row in rows}) > 1:
            raise TypeError("complexity= must return the same number of figures for each configuration")
        return np.array(rows, float).reshape(len(rows), -1)
    names: list[Any] = [complexity] if isinstance(complexity, str) else list(complexity)
    if not names or not all(isinstance(n, str) and n.strip("-") for n in names):
        raise TypeError(
            "complexity= takes a parameter's name ('max_depth', or '-C' where more is simpler), a list of names, or a "
            f"function of the parameters; got {complexity!r}"
        )
    return np.array([[_of(p, name, params) for name in names] for p in params], float).reshape(len(params), len(names))


def ranks(table: ArrayLike) -> Floats:
    """Return one figure for each row of complexities [C, k], in the order of the rows compared column after column."""
    rows = np.asarray(table, float)
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1].ravel(), float)


def _of(p: Mapping[str, Any], name: str, everyone: Sequence[Mapping[str, Any]]) -> float:
    sign, key = (-1.0, name[1:]) if name.startswith("-") else (1.0, name)
    if key not in p:
        if not any(key in other for other in everyone):
            known = sorted({n for other in everyone for n in other})
            raise ValueError(f"complexity=: no configuration has a parameter {key!r}; there are {known}")
        return -math.inf
    value = p[key]
    if value is None:  # max_depth=None: without a limit
        return math.inf
    if isinstance(value, bool | np.bool_) or (isinstance(value, Real) and not math.isnan(value)):
        return sign * float(value)
    raise ValueError(
        f"complexity=: {key!r} has the value {value!r}, which is no number; give a function of the parameters instead"
    )


def _numbers(result: Any) -> list[float]:
    items = list(result) if isinstance(result, tuple | list) else [result]
    try:
        numbers = [float(item) for item in items]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or any(math.isnan(v) for v in numbers):
        raise TypeError(f"complexity= must return a number, or a tuple of numbers; got {result!r}")
    return numbers
