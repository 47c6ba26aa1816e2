"""On which scale a range is searched: one that spans orders of magnitude, on that on which the process explains more.

A range that should have been declared with ``log=True`` is searched as if it had been, as soon as the trials show it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.gp import fit, objective
from tunesmith.history import History
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache, Observations, model_prior, rows_measured
from tunesmith.space import Float, Int, Parameter, Space
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.words import FloatOr, IntOr

LEAST_RATIO = 30.0  # of the bounds of a range that may have another scale
MAX_RANGES = 8  # that are looked at; of a space with more, none is
FIRST_ROWS = 6  # values from which on scales are looked for
LEAST_GAIN = 2.0  # log posterior, by which the process has to explain the values better


def with_scales(tree: Space, history: History, n: int, hyperparameters: HyperparameterCache) -> Space:
    """Return a space with those ranges on a logarithmic scale on which one objective is explained better so.

    It is looked at row counts that grow by a third. The values of the parameters stay what they are.

    Args:
        tree: the space, with its conditions.
        history: the trials.
        n: how many of its rows count.
    """
    ranges = {name: other for name, p in tree.params.items() if (other := _on_log_scale(p)) is not None}
    if not 0 < len(ranges) <= MAX_RANGES or history.n_objectives > 1:
        return tree
    rows = np.flatnonzero(np.isfinite(history.y[:n, 0]))
    rows = rows[: rows_measured(len(rows))]
    if len(rows) < FIRST_ROWS:
        return tree
    x, y = tree.mask(history.points(tree)[rows]), np.array(history.y[rows, 0])

    def chosen() -> Space:
        return _chosen(tree, ranges, x, y, hyperparameters)

    return hyperparameters.get(("scales", tree, x.tobytes(), y.tobytes()), chosen)


def _on_log_scale(p: Parameter) -> Parameter | None:
    """Return a linear range that spans orders of magnitude on a logarithmic scale; None: this is another parameter."""
    if not isinstance(p, Float | Int) or isinstance(
        p, FloatOr | IntOr
    ):  # words have places on the scale they came with
        return None
    if p.log or p.prior is not None or p.step != p.default_step:
        return None
    if p.low <= 0 or p.high < LEAST_RATIO * p.low:
        return None
    return type(p)(p.low, p.high, log=True).with_condition(p.condition)  # type: ignore[arg-type]  # each its own bounds


def _chosen(
    tree: Space, ranges: Mapping[str, Parameter], x: Floats, y: Floats, hyperparameters: HyperparameterCache
) -> Space:
    """Return the space with the scales that are better, one after another, each time the best of those that are left.

    Args:
        tree: the space.
        ranges: those of it that may have a logarithmic scale, with that scale.
        x: internal values [n, d].
        y: finite values [n].
    """

    def space_with(some: Mapping[str, Parameter]) -> Space:
        return Space.from_columns({**tree.params, **some}, tree.constraints, tree.external)

    features, every = FeatureMap(tree), space_with(ranges)
    seen = hyperparameters.in_units(Observations(y, tree.to_unit(x), features)).local()
    if len(seen.y) < len(y):  # the model is a local one by now, and so are its scales
        return tree
    rows, group = seen.thinned(), features.group
    z, other = features(seen.u[rows]), features(every.to_unit(x[rows]))
    t, theta = hyperparameters.warp(seen).values[rows], hyperparameters.theta(seen)
    groups, better = len(theta) - 1, dict[str, Parameter]()
    loss = objective(theta, z, group, t, *model_prior(features).moments(groups))[0]
    while left := ranges.keys() - better.keys():
        tried = []
        for name in sorted(left):
            at, _ = features.features_of(tree.names.index(name))
            changed = z.copy()
            changed[:, at] = other[:, at]
            prior = model_prior(FeatureMap(space_with({**better, name: ranges[name]})))
            found = fit(changed, group, t, prior, starts=[theta])
            tried.append((objective(found, changed, group, t, *prior.moments(groups))[0], name, found, changed))
        lowest, name, found, changed = min(tried, key=lambda one: one[:2])
        if lowest > loss - LEAST_GAIN:
            break
        loss, theta, z, better[name] = lowest, found, changed, ranges[name]
    return space_with(better) if better else tree
