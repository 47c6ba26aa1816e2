"""Which small runs to buy next: those that lower the expected excess loss at the target most for their cost.

A package is a few runs of one scale around what is believed to be its optimum, at the distance where a run tells most
(far runs tell more of the slope, and less than they seem to, since the shape is only about right there). Packages are
bought greedily, by the drop of expected excess loss for each unit of cost; where there are few ways to spend the
budget, all of them are compared. What a run tells depends on its scale's own curvature.

Source: active design of scaling experiments (arXiv 2604.22753).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from tunesmith.errors import ScalingError
from tunesmith.foundation.languages import told
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.scaling.fitted import Fitted, normal_draws
from tunesmith.scaling.runs import written

ALL = 2000  # so many ways to spend the budget are all compared
MOST = 60  # packages
CLOSER = 0.7  # how much nearer to the middle the runs of a package are that is bought again
POWERS = (0.5, 1.0)  # of the cost that a drop is held against: large scales first, or cheap ones
REACHES = (0.25, 0.5, 1.0, 1.5, 2.0)  # distances to the believed optimum that are compared, in units of what was tried


@dataclass(frozen=True, slots=True)
class Purchase:
    """Runs of one scale.

    Attributes:
        scale: scale variable to value.
        points: settings of the hyperparameters, one a run.
        cost: of all of them, in runs of the target.
        excess_loss: expected at the target after this purchase and those before it.
    """

    scale: dict[str, float]
    points: tuple[dict[str, float], ...]
    cost: float
    excess_loss: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run next.

    Attributes:
        target: the scale that the plan is for.
        purchases: in the order of their worth.
        cost: of all, in runs of the target.
        excess_loss: expected at the target now, and after all purchases.
    """

    target: dict[str, float]
    purchases: tuple[Purchase, ...]
    cost: float
    excess_loss: tuple[float, float]

    @property
    def runs(self) -> list[dict[str, float]]:
        """The runs, one a mapping: scale variables and hyperparameters."""
        return [{**purchase.scale, **point} for purchase in self.purchases for point in purchase.points]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "target": self.target,
            "cost": self.cost,
            "excess_loss": list(self.excess_loss),
            "purchases": [
                {"scale": p.scale, "points": list(p.points), "cost": p.cost, "excess_loss": p.excess_loss}
                for p in self.purchases
            ],
        }

    def __str__(self) -> str:
        now, then = self.excess_loss
        lines = [
            f"{len(self.runs)} runs for {self.cost:.3g} of the target run: not knowing the optimum then costs "
            f"{then:.4f} in loss (now {now:.4f})."
        ]
        for p in self.purchases:
            lines.append(f"  {written(p.scale)}: {'; '.join(map(written, p.points))}")
        return "\n".join([told(lines[0]), *lines[1:]])


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """A package that can be bought.

    Attributes:
        scale: [q].
        features: φ [p].
        information: what the package adds to it [k, k].
        points: its runs [r, k], in logarithms.
        cost: of all of them.
        place: row of the scale among those that were run; -1: none.
    """

    scale: Floats
    features: Floats
    information: Floats
    points: Floats
    cost: float
    place: int


@one_thread()
def make_plan(
    law: Fitted,
    target: Mapping[str, float],
    budget: float,
    *,
    group: str | None = None,
    menu: Iterable[Mapping[str, float]] | None = None,
    cost: Mapping[str, float] | None = None,
) -> Plan:
    """Return which runs to buy next.

    Args:
        target: scale of the large run.
        budget: in runs of the target.
        group: of the target and of what is bought.
        menu: scales that can be run; None: those of the runs, and steps of two between them and the target.
        cost: exponent of each scale variable in what a run costs; 1 each by default (parameters × tokens).

    Raises:
        ScalingError: the budget is not above 0, the target cannot be predicted, or the menu is empty or wrong.
    """
    if not (math.isfinite(budget) and budget > 0):
        raise ScalingError(f"budget is in runs of the target, above 0; got {budget!r}")
    exponents = np.array([(cost or {}).get(name, 1.0) for name in law.runs.scale])
    point, label = law.point(target, group)
    belief = law.belief(point, label)  # however narrow the runs are: that is what a plan is to mend
    scales = _menu(law, point) if menu is None else np.array([law.point(one, group)[0] for one in menu])
    prices = np.exp(np.log(scales / point) @ exponents) if len(scales) else np.empty(0)
    n_runs = 2 * len(law.runs.names) + 1
    inside = prices * n_runs <= budget
    offers = [_offer(law, s, label, float(p), n_runs) for s, p in zip(scales[inside], prices[inside], strict=True)]
    shop = _Budget(law, offers, law.features(point[None], [label])[0], law.bowls.curvature(belief.steepness))
    state = shop.start()
    at_first = now = float(shop.excess(state[1]))
    purchases: list[Purchase] = []
    again: Counter[int] = Counter()
    for i in _choose(shop, budget):
        after, precision = shop.after(state)
        state, now = shop.buy(state, i, precision[i]), float(after[i])
        middle = offers[i].points[0]
        points = middle + CLOSER ** again[i] * (offers[i].points - middle)  # no run is bought twice but the middle
        again[i] += 1
        purchases.append(
            Purchase(
                dict(zip(law.runs.scale, offers[i].scale.tolist(), strict=True)),
                tuple(dict(zip(law.runs.names, z, strict=True)) for z in law.runs.natural(points).tolist()),
                offers[i].cost,
                now,
            )
        )
    return Plan(
        dict(zip(law.runs.scale, point.tolist(), strict=True)),
        tuple(purchases),
        float(sum(purchase.cost for purchase in purchases)),
        (at_first, now),
    )


def _menu(law: Fitted, point: Floats) -> Floats:
    """Return the scales that were run, and a grid of steps of two from the smallest to the target [m, q]."""
    low = np.minimum(law.runs.scales.min(axis=0), point)
    axes = [
        start * 2.0 ** np.arange(int(np.log2(end / start) + 1e-9) + 1) for start, end in zip(low, point, strict=True)
    ]
    steps = np.array(list(product(*axes)))
    own = law.runs.scales[(law.runs.scales <= point * (1 + 1e-9)).all(axis=1)]
    return np.unique(np.concatenate([own, steps]), axis=0)


def _offer(law: Fitted, scale: Floats, label: str, price: float, n_runs: int) -> _Offer:
    """Return the package of a scale: its middle, and both sides along each axis of the bowl, as far as tells most."""
    belief = law.belief(scale, label)
    here = np.flatnonzero((law.runs.scales == scale).all(axis=1) & (np.array(law.runs.groups) == label))
    place = int(here[0]) if len(here) else -1
    mean, covariance = belief.mean, belief.covariance
    if place >= 0:  # what its own runs say counts besides what the law says
        own = np.linalg.inv(law.bowls.covariance[place])
        expected = np.linalg.inv(belief.covariance)
        covariance = np.linalg.inv(own + expected)
        mean = covariance @ (own @ law.bowls.optimum[place] + expected @ belief.mean)
    draws = normal_draws(mean, covariance)[::8]
    unit = law.bowls.unit
    _, axes = np.linalg.eigh(law.bowls.curvature(belief.steepness) * np.outer(unit, unit))
    low, high = law.runs.z.min(axis=0), law.runs.z.max(axis=0)  # nothing far from what anybody has tried
    best = (-math.inf, np.empty(0), np.empty(0))
    for reach in REACHES:
        sides = reach * np.concatenate([np.zeros((1, len(unit))), axes.T, -axes.T]) * unit
        points = np.clip(mean + sides[:n_runs], low - unit / 2, high + unit / 2)
        each = law.bowls.information((points[:, None] - draws).reshape(-1, len(unit)), belief.steepness)
        told = each.sum(axis=0) / len(draws)
        information = told[1:, 1:] - np.outer(told[1:, 0], told[0, 1:]) / told[0, 0]  # the level is not known
        size = float(np.linalg.slogdet(information * np.outer(unit, unit) + np.eye(len(unit)))[1])
        if size > best[0]:
            best = (size, information, points)
    return _Offer(scale, law.features(scale[None], [label])[0], best[1], best[2], price * n_runs, place)


class _Budget:
    """What packages do to the expected excess loss at the target.

    The posterior precision of the trend's coefficients is a sum over scales, Σ φφᵀ ⊗ (V + T)⁻¹; a package changes one
    term of it. T is held at its mean.

    Args:
        offers: what can be bought [o].
        features: φ of the target [p].
        curvature: of the bowl at the target [k, k].
    """

    def __init__(self, law: Fitted, offers: Sequence[_Offer], features: Floats, curvature: Floats) -> None:
        self.costs = np.array([offer.cost for offer in offers])
        self._features, self._curvature = features, curvature
        self._between = law.trend.mean_between * law.calibration.inflation**2
        known = np.linalg.inv(law.bowls.covariance)
        k = known.shape[1]
        new = [offer for offer in offers if offer.place < 0]
        self._place = np.array([o.place if o.place >= 0 else len(known) + new.index(o) for o in offers], np.intp)
        self._phi = np.array([*law.features(law.runs.scales, law.runs.groups), *[offer.features for offer in new]])
        self._information = np.array([offer.information for offer in offers]).reshape(-1, k, k)
        self._prior = np.diag(law.priors.sd.reshape(-1) ** -2)
        self._start = np.concatenate([known, np.zeros((len(new), k, k))])

    def start(self) -> tuple[Floats, Floats]:
        """Return the state before anything is bought: precision of each scale [s, k, k], and of the coefficients."""
        size = self._phi.shape[1] * self._start.shape[1]
        pairs = self._phi[:, :, None] * self._phi[:, None]
        terms = np.tensordot(self._weight(self._start), pairs, axes=(0, 0)).transpose(2, 0, 3, 1)
        return self._start, terms.reshape(size, size) + self._prior

    def after(self, state: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        """Return the expected excess loss after each offer [o], and the precision of the coefficients then."""
        own, precision = state
        here = own[self._place]
        change = self._weight(here + self._information) - self._weight(here)
        phi = self._phi[self._place]
        added = np.einsum("op,oq,oij->opiqj", phi, phi, change).reshape(-1, *precision.shape)
        return self.excess(precision + added), precision + added

    def buy(self, state: tuple[Floats, Floats], offer: int, precision: Floats) -> tuple[Floats, Floats]:
        """Return the state after one purchase.

        Args:
            offer: what is bought.
            precision: of the coefficients then.
        """
        own = state[0].copy()
        own[self._place[offer]] += self._information[offer]
        return own, precision

    def excess(self, precision: Floats) -> Floats:
        """Return the expected excess loss [...].

        Args:
            precision: of the coefficients [..., p k, p k].
        """
        k = len(self._curvature)
        side = np.kron(self._features[:, None], np.eye(k))  # [p k, k]
        law = side.T @ np.linalg.solve(precision, np.broadcast_to(side, (*precision.shape[:-1], k)))
        return np.asarray(0.5 * np.einsum("ij,...ji->...", self._curvature, law + self._between))

    def _weight(self, own: Floats) -> Floats:
        """Return (V + T)⁻¹ from V⁻¹, which may be 0."""
        return np.asarray(np.linalg.solve(np.eye(own.shape[-1]) + own @ self._between, own))


def _choose(budget: _Budget, limit: float) -> list[int]:
    """Return which offers to buy: the best of all ways if there are few, else the better of two greedy ones."""
    if not len(budget.costs):
        return []
    n, most = len(budget.costs), int(limit / budget.costs.min() + 1e-9)
    if most <= MOST and sum(math.comb(n + m - 1, m) for m in range(1, most + 1)) <= ALL:
        return min(_ways(budget, budget.start(), limit * (1 + 1e-9), 0), default=(0.0, list[int]()))[1]
    return min(_greedily(budget, limit * (1 + 1e-9), power) for power in POWERS)[1]


def _ways(budget: _Budget, state: tuple[Floats, Floats], left: float, first: int) -> Iterator[tuple[float, list[int]]]:
    """Yield each way to spend what is left on offers from `first` on: expected excess loss, and the purchases."""
    after, precision = budget.after(state)
    for offer in range(first, len(after)):
        if budget.costs[offer] <= left:
            yield float(after[offer]), [offer]
            then = budget.buy(state, offer, precision[offer])
            for excess, more in _ways(budget, then, left - budget.costs[offer], offer):
                yield excess, [offer, *more]


def _greedily(budget: _Budget, left: float, power: float) -> tuple[float, list[int]]:
    """Return the excess loss and packages bought one after the other, each by its drop over costᵖᵒʷᵉʳ."""
    bought: list[int] = []
    state = budget.start()
    now = float(budget.excess(state[1]))
    while len(bought) < MOST:
        after, precision = budget.after(state)
        worth = np.where(budget.costs <= left, (now - after) / budget.costs**power, -np.inf)
        best = int(worth.argmax())
        if not np.isfinite(worth[best]):
            break
        bought.append(best)
        state = budget.buy(state, best, precision[best])
        left, now = left - budget.costs[best], float(after[best])
    return now, bought
