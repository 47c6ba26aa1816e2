"""What a thing is worth that is found out in stages, each at a cost, and that may be given up after any of them.

Weitzman's index (Econometrica 47, 1979) for boxes that open in stages: the price of one unit of cost at which going on,
with the right to stop later, is just worth nothing. Of many independent things, the one of the highest index is taken.

Symbols: q things, L stages; what is known of a thing's final value is normal with mean m; stage l costs c_l and moves
m by N(0, v_l), so that after the last stage m is the value itself. The reward is max(f* - value, 0). At price p it is
worth W_l(m) = max(0, E W_{l+1}(m + √v_{l+1} Z) - p c_{l+1}), and its index is the p at which W_0 + p c is zero.
"""

from __future__ import annotations

import numpy as np

from tunesmith.numerics.acquisition import log_h
from tunesmith.numerics.arrays import Floats

NODES = 33  # of a thing's mean, over which its worth is interpolated
REACH = 4.0  # standard deviations of the final value that the nodes span, to either side
QUADRATURE = 13  # points of an expectation
ROUNDS = 4  # of the search for the index, each of which squares the error


def log_rate(mean: Floats, variance: Floats, cost: Floats, best: float) -> Floats:
    """Return the logarithm of the expected improvement per cost [q] of going on to the end whatever is seen.

    Args:
        mean: m [q].
        variance: v [q, L].
        cost: c [q, L].
        best: f*.
    """
    sd = np.sqrt(np.maximum(variance.sum(axis=1), 1e-24))
    rate: Floats = log_h((best - mean) / sd) + np.log(sd) - np.log(np.maximum(cost.sum(axis=1), 1e-300))
    return rate


def highest_index(
    mean: Floats, variance: Floats, cost: Floats, best: float, chance: Floats | float = 1.0
) -> tuple[Floats, float]:
    """Return the worth [q] at the highest price that anything is worth, and this price.

    The thing of the largest worth is the one of the highest index: at this price it is worth nothing, up to what the
    search leaves, and others are worth less. Dinkelbach's iteration: the price goes up to the best ratio of reward to
    cost of the policy that is best at the price before.

    Args:
        mean: m [q].
        variance: v [q, L].
        cost: c [q, L]; stages that a thing has passed have cost and variance 0.
        best: f*.
        chance: probability [q] that there is a reward at all.
    """
    price = float(np.max(chance * np.exp(log_rate(mean, variance, cost, best))))
    worth = np.zeros(len(mean))
    for _ in range(ROUNDS):
        reward, spent = _rewards(mean, variance, cost, best, price, np.broadcast_to(chance, mean.shape))
        worth = reward - price * spent
        at = int(np.argmax(worth))
        if not spent[at] > 0.0 or worth[at] <= 1e-6 * price * spent[at]:
            break
        price = float(reward[at] / spent[at])
    return worth, price


def _rewards(
    mean: Floats, variance: Floats, cost: Floats, best: float, price: float, chance: Floats
) -> tuple[Floats, Floats]:
    """Return expected reward and cost [q] of the policy that is best at a price, and that takes the first stage."""
    q, stages = variance.shape
    total = np.sqrt(np.maximum(variance.sum(axis=1), 1e-24))
    offsets = np.linspace(-REACH, REACH, NODES)
    points = np.linspace(-REACH, REACH, QUADRATURE)  # even: the worth has a kink, at which Gauss's rule errs
    weights = np.exp(-0.5 * points * points)
    weights /= weights.sum()
    first = (cost > 0).argmax(axis=1)
    gap = (best - mean)[:, None] - total[:, None] * offsets  # f* - m at the nodes [q, NODES]
    row = np.arange(q)[:, None]
    reward, spent = np.zeros_like(gap), np.zeros_like(gap)
    out_reward, out_spent = np.zeros(q), np.zeros(q)
    for stage in range(stages - 1, -1, -1):
        sd = np.sqrt(variance[:, stage]) / total
        if stage == stages - 1:
            s = np.maximum(sd * total, 1e-12)[:, None]
            reward = s * np.exp(log_h(gap / s)) * chance[:, None]
        else:
            at = offsets[None, :, None] + sd[:, None, None] * points  # in standard deviations
            at = (np.clip(at, -REACH, REACH) + REACH) * ((NODES - 1) / (2 * REACH))
            low = np.minimum(at.astype(np.intp), NODES - 2)
            share = at - low
            flat = row[:, :, None] * NODES + low
            reward = (reward.take(flat) * (1 - share) + reward.take(flat + 1) * share) @ weights
            spent = (spent.take(flat) * (1 - share) + spent.take(flat + 1) * share) @ weights
        spent = spent + cost[:, stage][:, None]
        middle = NODES // 2
        begins = first == stage
        out_reward[begins], out_spent[begins] = reward[begins, middle], spent[begins, middle]
        stop = reward - price * spent <= 0.0
        reward, spent = np.where(stop, 0.0, reward), np.where(stop, 0.0, spent)
    return out_reward, out_spent
