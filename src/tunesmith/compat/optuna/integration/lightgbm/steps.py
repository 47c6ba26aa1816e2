"""The steps of the tuner: which parameters of LightGBM each one searches, in which ranges, and with how many trials.

The order is that of Optuna's LightGBM Tuner: what matters most first, each with the best values of the steps before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunesmith.compat.optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

# LightGBM's own values, where the user gives none.
DEFAULTS: dict[str, Any] = {
    "lambda_l1": 0.0,
    "lambda_l2": 0.0,
    "num_leaves": 31,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "bagging_freq": 0,
    "min_child_samples": 20,
}
DEPTH = 8  # of trees whose depth is not limited: as many leaves as such a tree has are tried at most
LOWEST_FRACTION = 0.4
NEAR = 0.08  # how far the second search of feature_fraction goes from the best value of the first
LEAF_SIZES = (5, 10, 25, 50, 100)


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: as it is kept with each trial.
        space: distributions of its parameters.
        n_trials: how many trials it has.
        points: the values to try, where the step is a grid; else empty.
    """

    name: str
    space: Mapping[str, BaseDistribution]
    n_trials: int
    points: tuple[dict[str, Any], ...] = field(default=())


def feature_fraction(n_trials: int) -> Step:
    """Return the step that tries shares of the columns, all of them among these."""
    values = np.linspace(LOWEST_FRACTION, 1.0, n_trials).tolist()
    return _grid("feature_fraction", "feature_fraction", FloatDistribution(LOWEST_FRACTION, 1.0), values)


def feature_fraction_again(n_trials: int, best: float) -> Step:
    """Return the step that tries shares of the columns near the best one.

    Args:
        n_trials: how many; fewer if the ends of the range are near.
        best: the share that the first step found.
    """
    values = [v for v in np.linspace(best - NEAR, best + NEAR, n_trials).tolist() if LOWEST_FRACTION <= v <= 1.0]
    return _grid("feature_fraction_stage2", "feature_fraction", FloatDistribution(LOWEST_FRACTION, 1.0), values)


def num_leaves(n_trials: int, max_depth: Any) -> Step:
    """Return the step that tries numbers of leaves, up to those of a full tree.

    Args:
        n_trials: how many.
        max_depth: the limit of the depth that the user gave; None, or below 1: there is none.
    """
    depth = max_depth if max_depth is not None and max_depth > 0 else DEPTH
    return Step("num_leaves", {"num_leaves": IntDistribution(2, 2**depth)}, n_trials)


def bagging(n_trials: int) -> Step:
    """Return the step that tries shares of the rows, and how often they are drawn."""
    space = {"bagging_fraction": FloatDistribution(LOWEST_FRACTION, 1.0), "bagging_freq": IntDistribution(1, 7)}
    return Step("bagging", space, n_trials)


def regularization(n_trials: int) -> Step:
    """Return the step that tries penalties."""
    space = {name: FloatDistribution(1e-8, 10.0, log=True) for name in ("lambda_l1", "lambda_l2")}
    return Step("regularization_factors", space, n_trials)


def leaf_size() -> Step:
    """Return the step that tries least numbers of rows in a leaf."""
    return _grid("min_child_samples", "min_child_samples", IntDistribution(5, 100), list(LEAF_SIZES))


def _grid(name: str, parameter: str, domain: BaseDistribution, values: list[Any]) -> Step:
    points = tuple({parameter: value} for value in values)
    return Step(name, {parameter: domain}, len(points), points)
