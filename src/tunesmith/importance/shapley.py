"""Shapley values of tunability: how much of the gain of tuning each parameter brings.

Wever, Muschalik, Fumagalli & Lindauer, "HyperSHAP", 2025 (arXiv 2502.01276), the game of tunability.

Symbols: d parameters, S a set of them (a coalition), x₀ the default, f expected results (minimised), c candidates.

v(S) = f(x₀) - f(x_S), where x_S is the best point, by the model's mean, in which only the parameters in S differ from
x₀. The Shapley value is the mean of v(S ∪ {j}) - v(S) over the orders in which parameters may be tuned one after the
other; they sum to v of all. The draws of v are at the same x_S, so that they are not the best of many lucky ones.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.importance.base import Effects, ImportanceData
from tunesmith.importance.model import (
    FromDefault,
    Model,
    default_point,
    fitted,
    mixed,
    shuffled_models,
    spread_points,
    wider_draws,
)
from tunesmith.space.feature_map import FeatureMap

# ----------------------------------------------------------------------------------------------------------------------
# Coalitions of parameters, and the weights that make Shapley values of what they gain.
#
# Symbols: d parameters, q coalitions, b draws. Of many parameters, orders of tuning are sampled (Castro, Gómez &
# Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009), each together with its reverse.

EXACT = 10  # parameters up to which all coalitions are looked at
COALITIONS = 1_500  # about so many with more parameters


class Game:
    """Coalitions and the weights that make Shapley values of their gains.

    Attributes:
        members: which parameters each coalition has [q, d]; the first has none. Smaller ones come first.
        orders: how many orders of tuning were sampled; 0 if all coalitions are there.
    """

    def __init__(self, members: Mask, weights: Floats, orders: int) -> None:
        self.members, self._weights, self.orders = members, weights, orders

    @property
    def exact(self) -> bool:
        """Whether all coalitions are there."""
        return self.orders == 0

    @classmethod
    def of(cls, d: int, rng: np.random.Generator) -> Game:
        """Return the game of d parameters."""
        if d <= EXACT:
            codes = np.array(sorted(range(2**d), key=lambda code: (code.bit_count(), code)))
            members = (codes[:, None] >> np.arange(d) & 1).astype(bool)
            size = members.sum(axis=1)
            times = np.array([math.factorial(s) * math.factorial(max(d - s - 1, 0)) for s in range(d + 1)], float)
            # v(S) counts for j in S with the weight of S without j, and against the others with that of S itself.
            weights = np.where(members, times[np.maximum(size - 1, 0)][:, None], -times[size][:, None])
            return cls(members, weights / math.factorial(d), 0)
        orders = max(2, COALITIONS // (2 * d)) * 2
        at: dict[bytes, int] = {}
        rows: list[Mask] = []
        links: list[tuple[int, int, int]] = []

        def place(members: Mask) -> int:
            key = members.tobytes()
            if key not in at:
                at[key] = len(rows)
                rows.append(members.copy())
            return at[key]

        for _ in range(orders // 2):
            order = rng.permutation(d)
            for way in (order, order[::-1]):  # an order and its reverse vary less together
                members = np.zeros(d, bool)
                before = place(members)
                for j in way.tolist():
                    members[j] = True
                    after = place(members)
                    links.append((j, before, after))
                    before = after
        weights = np.zeros((len(rows), d))
        for j, before, after in links:
            weights[after, j] += 1.0 / orders
            weights[before, j] -= 1.0 / orders
        by_size = np.argsort([int(row.sum()) for row in rows], kind="stable")
        return cls(np.array(rows)[by_size], weights[by_size], orders)

    def shapley(self, gains: Floats) -> Floats:
        """Return the Shapley values [1 + b, d] of gains[q, 1 + b]."""
        values: Floats = gains.T @ self._weights
        return values

    @cached_property
    def parts(self) -> list[Indices]:
        """For each coalition, the places of those that it is without one of its parameters."""
        at = {row.tobytes(): i for i, row in enumerate(self.members)}
        found = []
        for row in self.members:
            places = []
            for j in np.flatnonzero(row):
                row[j] = False
                if (i := at.get(row.tobytes())) is not None:
                    places.append(i)
                row[j] = True
            found.append(np.array(places, np.intp))
        return found


# ----------------------------------------------------------------------------------------------------------------------

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
            notes.append(say("The values are from {} sampled orders of tuning.", game.orders))
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
