"""Enqueued values: what ``enqueue_trial`` fixes for one trial takes the place of the sampler's proposal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Space
from tunesmith.text import shown

_TRIES = 200


def apply_enqueued_values(
    space: Space, row: Sequence[float], fixed: Mapping[str, Any], rng: np.random.Generator
) -> list[float]:
    """Return the proposal with the fixed values in place of its own.

    A parameter that becomes active by a fixed value gets the value of a random point. Where constraints are violated,
    the free parameters are drawn anew; if no draw helps, what the user asked for comes first.

    Args:
        space: the space of the row.
        row: the proposed internal values, [d].
        fixed: values by name; names that the space does not know, or values outside it, are left to the trial.
        rng: where the values of newly active parameters come from.
    """
    index = {n: i for i, n in enumerate(space.names)}
    known = {
        index[n]: space.params[n].to_internal(v) for n, v in fixed.items() if n in index and space.params[n].contains(v)
    }
    first = _overlay(space, np.array(row, float), known, rng)
    x = first
    for _ in range(_TRIES):
        if bool(space.feasible(x[None])[0]):
            return [float(v) for v in x]
        x = _overlay(space, space.from_unit(rng.random((1, len(space))))[0], known, rng)
    return [float(v) for v in first]


def _overlay(
    space: Space, x: NDArray[np.float64], known: Mapping[int, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    params = list(space.params.values())
    spare = rng.random(len(space))
    full = np.array([float(p.from_unit(spare[i : i + 1])[0]) for i, p in enumerate(params)])
    x = np.where(np.isnan(x), full, x)
    for i, v in known.items():
        x[i] = v
    masked: NDArray[np.float64] = space.mask(x[None])[0]
    return masked


def check_enqueued(params: Any) -> dict[str, Any]:
    """Return what ``enqueue_trial`` was given; TypeError unless it is a mapping by name."""
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise TypeError(f"enqueue_trial takes a dict of values by parameter name; got {shown(params)}")
    return dict(params)
