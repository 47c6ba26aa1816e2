"""Ablation: the path from the default configuration to the best one, one parameter at a time.

Fawcett & Hoos, "Analysing differences between algorithm configurations through ablation", 2016; on a model instead of
new runs, as in Biedenkapp, Lindauer, Eggensperger, Hutter, Fawcett & Hoos, AAAI 2017.

Symbols: d parameters, f expected results (minimised), b draws.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.importance.base import LEVEL, Change, Effects, ImportanceData
from tunesmith.importance.model import FromDefault, Model, default_point, fitted, mixed, shuffled_models, wider_draws
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.words import words_of_parameter

DRAWS = 400


class Ablation(FromDefault):
    """Which changes made the best configuration better than the default, step by step; takes seconds.

    The best configuration is the trial with the best expected value, by a Gaussian process. From the default on, each
    step changes the parameter that is expected to gain most. A value is what its step gains, in the unit of the
    objective; positive is better. Parameters that are the same in both, or active in neither, have no step. Rows come
    in the order of the path. Intervals: joint draws from the posterior along the path, spread by what leaving groups of
    trials out changes. Null line: the same with shuffled values. There are no pairs.

    Args:
        default: as for `Shapley`.
    """

    name = "ablation"

    @one_thread()
    def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
        base, where = default_point(data, self.default)
        features = FeatureMap(data.space)
        model, notes = fitted(data, features, rng, of_good=True)
        order, points = _path(data, model, data.u, base)
        model.draw(DRAWS, rng)
        f = model.values(points)  # [steps + 1, 1 + b]
        steps = [i for i, j in enumerate(order) if j in data.wanted]
        gains = -np.diff(f, axis=0)[steps].T
        nulls = np.zeros((0, len(steps)))
        for other, u, _ in shuffled_models(data, features, model.warped, rng):
            path, at = _path(data, other, u, base)
            gained = dict(zip(path, -np.diff(other.values(at)[:, 0]), strict=True))
            nulls = np.vstack([nulls, [gained.get(order[i], 0.0) for i in steps]])
        draws = wider_draws(
            gains[1:],
            lambda other: -np.diff(other.values(points)[:, 0])[steps],
            data,
            features,
            model.warped,
            rng,
        )
        if order:
            start, end = (float(data.sign * f[i, 0]) for i in (0, -1))
            notes.append(
                say("A trial is expected to give {:.4g} with the default and {:.4g} with the best one.", start, end)
            )
        else:
            notes.append(say("The default configuration is the best one: nothing was changed."))
        return Effects(
            params=tuple((order[i],) for i in steps),
            value=gains[0],
            draws=draws,
            shuffled=nulls,
            n_trials=tuple(int((~np.isnan(data.u[:, order[i]])).sum()) for i in steps),
            unit="what its step from the default to the best configuration gains",
            notes=(where, *notes),
            changes=tuple(_change(data, order[i], points[i], points[i + 1], f[i + 1]) for i in steps),
            start=float(data.sign * f[0, 0]),
            positive=False,
        )


def _path(data: ImportanceData, model: Model, u: Floats, base: Floats) -> tuple[list[int], Floats]:
    """Return the parameters in the order in which they are changed, and the points [steps + 1, d] of the path.

    Args:
        u: trials [n, d] among which the best one is chosen.
        base: the default, without NaN [d].
    """
    best = u[int(model.transformed(u)[:, 0].argmin())]
    goal = np.where(np.isnan(best), base, best)
    here = np.zeros(len(base), bool)
    points = [mixed(data, base, goal, here[None, :])[0]]
    left = [j for j in np.flatnonzero(goal != base).tolist() if not np.isnan(best[j])]
    order: list[int] = []
    while left:
        taken = np.repeat(here[None, :], len(left), axis=0)
        taken[np.arange(len(left)), left] = True
        options = mixed(data, base, goal, taken)
        value = model.transformed(options)[:, 0]
        active = ~np.isnan(options[np.arange(len(left)), left])  # a change is seen once its parent's value is there
        k = int(np.where(active | ~active.any(), value, np.inf).argmin())
        here[left[k]] = True
        order.append(left.pop(k))
        points.append(options[k])
    return order, np.array(points)


def _change(data: ImportanceData, j: int, before: Floats, after: Floats, f: Floats) -> Change:
    """Return the step of a parameter between two points [d], with results f[1 + b] after it."""
    param = data.space[data.space.names[j]]
    tail = (1.0 - LEVEL) / 2.0
    low, high = sorted(float(data.sign * end) for end in np.quantile(f[1:], [tail, 1.0 - tail]))

    def shown(u: float) -> Any:
        if np.isnan(u):
            return None
        x = float(param.from_unit(np.array(u)))
        place = next((p for _, p in words_of_parameter(param) if math.isclose(x, p)), x)  # the unit interval rounds
        value = param.to_label(place)
        return "None" if value is None else value

    return Change(shown(float(before[j])), shown(float(after[j])), float(data.sign * f[0]), (low, high))
