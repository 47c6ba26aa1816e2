"""Studies with known importances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tunesmith as ts


def random_study(
    f: Callable[[dict[str, Any], np.random.Generator], float],
    space: Mapping[str, Any],
    n: int,
    seed: int,
    direction: str = "minimize",
) -> ts.Study:
    """A study of n points at random; f gets the parameters, and a generator for noise."""
    rng = np.random.default_rng(seed)
    declared = ts.Space(space)
    study = ts.create_study(space=declared, seed=seed, direction=direction)
    study.add_trials(
        [
            ts.create_trial(params=p, distributions={name: declared[name] for name in p}, value=f(p, rng))
            for p in declared.decode(declared.sample(rng, n))
        ]
    )
    return study


def box(d: int) -> dict[str, ts.Float]:
    return {f"x{j}": ts.Float(0.0, 1.0) for j in range(d)}
