"""Shapley values of tunability: how much of the gain of tuning each parameter brings.

Wever, Muschalik, Fumagalli & Lindauer, "HyperSHAP", 2025 (arXiv 2502.01276), the game of tunability.

Symbols: d parameters, S a set of them (a coalition), x₀ the default, f expected results (minimised), c candidates.

v(S) = f(x₀) - f(x_S), where x_S is the best point, by the model's mean, in which only the parameters in S differ from
x₀. The Shapley value is the mean of v(S ∪ {j}) - v(S) over the orders in which parameters may be tuned one after the
other; they sum to v of all. The draws of v are at the same x_S, so that they are not the best of many lucky ones.
"""

from __future__ import annotations

import numpy as np

from tunesmith.importance.base import Effects, ImportanceData
from tunesmith.importance.coalitions import Game
from tunesmith.importance.default_point import FromDefault, default_point, mixed
from tunesmith.importance.model import Model, fitted, shuffled_models, spread_points, wider_draws
from tunesmith.numerics.arrays import Floats
from tunesmith.numerics.threads import one_thread
from tunesmith.space.feature_map import FeatureMap

DRAWS = 200
CANDIDATES, NULL_CANDIDATES = 64, 16  # points whose values a coalition may take
NEAR = 0.1  # standard deviation of the candidates around the best trials


class Shapley(FromDefault):
    """How much of the gain of tuning, over the default configuration, each parameter brings; takes seconds.

    The gain is that of the model's best point over the default, as a Gaussian process expects it, in the unit of the
    objective; positive is better. A parameter that is at its best in the default brings nothing, however much it
    matters elsewhere. With up to 10 parameters the values are exact, beyond that from sampled orders of tuning.
    Intervals: joint draws from the posterior, spread by what leaving groups of trials out changes. Null line: the model
    is fitted to shuffled values. There are no pairs.

    Args:
        default: the default configuration by name. Where it has no value, that of the prior declared in the space
            counts, else that of the first complete trial (enqueue the configuration of today), else the middle.
    """

    name = "shapley"

    @one_thread()
    def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
        base, where = default_point(data, self.default)
        features = FeatureMap(data.space)
        model, notes = fitted(data, features, rng, of_good=True)
        game = Game.of(len(data.space), rng)
        tuned = _tuned(data, model, game, base, _candidates(data, data.u, data.y, base, CANDIDATES, rng))
        model.draw(DRAWS, rng)
        found = game.shapley(_gains(model, tuned))[:, data.wanted]
        nulls = []
        for other, u, y in shuffled_models(data, features, model.warped, rng):
            options = _candidates(data, u, y, base, NULL_CANDIDATES, rng)
            nulls.append(game.shapley(_gains(other, _tuned(data, other, game, base, options)))[0, data.wanted])
        draws = wider_draws(
            found[1:],
            lambda other: game.shapley(_gains(other, tuned))[0, data.wanted],
            data,
            features,
            model.warped,
            rng,
        )
        if not game.exact:
            notes.append(f"The values are from {game.orders} sampled orders of tuning.")
        return Effects(
            params=tuple((j,) for j in data.wanted),
            value=found[0],
            draws=draws,
            shuffled=np.array(nulls),
            n_trials=tuple(int((~np.isnan(data.u[:, j])).sum()) for j in data.wanted),
            unit="the part of the gain over the default that tuning it brings",
            notes=(where, *notes),
            positive=False,
        )


def _candidates(
    data: ImportanceData, u: Floats, y: Floats, base: Floats, count: int, rng: np.random.Generator
) -> Floats:
    """Return points [c, d] without NaN whose values coalitions may take: the best trials, points near them, and others.

    Args:
        data: has the space.
        u: trials [n, d].
        y: their values [n].
        base: the default, in place of NaN [d].
        count: about how many.
        rng: draws them.
    """
    best = u[np.argsort(y, kind="stable")[: count // 4]]
    best = np.where(np.isnan(best), base, best)
    near = best[rng.integers(len(best), size=count // 4)]
    near = np.clip(near + NEAR * rng.standard_normal(near.shape), 0.0, 1.0)
    others = spread_points(data.space, 2 ** (count // 2).bit_length(), rng)
    return np.concatenate([best, near, np.where(np.isnan(others), rng.random(others.shape), others)])


def _tuned(data: ImportanceData, model: Model, game: Game, base: Floats, options: Floats) -> Floats:
    """Return the best point of each coalition, unit coordinates [q, d], NaN where inactive; the default comes first."""
    q, c = len(game.members), len(options)
    taken = np.repeat(game.members, c, axis=0)
    points = mixed(data, base, np.tile(options, (q, 1)), taken)
    value = model.transformed(points)[:, 0]
    if data.space.constraints:
        value[~data.space.feasible(data.space.from_unit(points))] = np.inf
    value = value.reshape(q, c)
    choice = value.argmin(axis=1)
    best, at = value[np.arange(q), choice], np.arange(q) * c + choice
    start = float(model.transformed(mixed(data, base, base, game.members[:1]))[0, 0])
    for i, parts in enumerate(game.parts):  # what a part of it can do, a coalition can do too
        if len(parts) and best[parts].min() < best[i]:
            j = parts[int(best[parts].argmin())]
            best[i], at[i] = best[j], at[j]
        elif best[i] > start:
            best[i], at[i] = start, 0
    tuned: Floats = points[at]
    return tuned


def _gains(model: Model, tuned: Floats) -> Floats:
    """Return the gains over the first point [q, 1 + b] at unit coordinates [q, d]."""
    f = model.values(tuned)
    gains: Floats = f[0] - f
    return gains
