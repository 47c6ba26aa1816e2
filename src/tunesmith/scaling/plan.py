"""Which small runs to buy next: those that lower the expected excess loss at the target most for their cost.

A package is a few runs of one scale around what is believed to be its optimum, at the distance where a run tells most
(far runs tell more of the slope, and less than they seem to, since the shape is only about right there). Packages are
bought greedily, by the drop of expected excess loss for each unit of cost; where there are few ways to spend the
budget, all of them are compared. What a run tells depends on its scale's own curvature.

Source: active design of scaling experiments (arXiv 2604.22753).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np

from tunesmith.errors import ScalingError
from tunesmith.numerics.arrays import Floats
from tunesmith.scaling.fitted import Fitted, normal_draws

ALL = 2000  # so many ways to spend the budget are all compared
MOST = 60  # packages
POWERS = (0.0, 0.5, 1.0)  # of the cost that a drop is held against: large scales first, or cheap ones
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
            where = ", ".join(f"{name} {value:.4g}" for name, value in p.scale.items())
            what = "; ".join(", ".join(f"{name} {value:.4g}" for name, value in point.items()) for point in p.points)
            lines.append(f"  {where}: {what}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
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
        law: with its runs.
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
    curvature = law.bowls.curvature(belief.steepness)
    worth = _Worth(law, law.features(point[None], [label])[0], curvature)
    chosen = _choose(offers, worth, budget)
    spent, purchases = [], []
    for offer in chosen:
        spent.append(offer)
        natural = law.runs.natural(offer.points)
        purchases.append(
            Purchase(
                dict(zip(law.runs.scale, offer.scale.tolist(), strict=True)),
                tuple(dict(zip(law.runs.names, row, strict=True)) for row in natural.tolist()),
                offer.cost,
                worth.excess(spent),
            )
        )
    return Plan(
        dict(zip(law.runs.scale, point.tolist(), strict=True)),
        tuple(purchases),
        float(sum(offer.cost for offer in chosen)),
        (worth.excess([]), worth.excess(chosen)),
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
    best = (-math.inf, np.empty(0), np.empty(0))
    for reach in REACHES:
        sides = reach * np.concatenate([np.zeros((1, len(unit))), axes.T, -axes.T]) * unit
        points = mean + sides[:n_runs]
        each = law.bowls.information((points[:, None] - draws).reshape(-1, len(unit)), belief.steepness)
        told = each.sum(axis=0) / len(draws)
        information = told[1:, 1:] - np.outer(told[1:, 0], told[0, 1:]) / told[0, 0]  # the level is not known
        size = float(np.linalg.slogdet(information * np.outer(unit, unit) + np.eye(len(unit)))[1])
        if size > best[0]:
            best = (size, information, points)
    return _Offer(scale, law.features(scale[None], [label])[0], best[1], best[2], price * n_runs, place)


class _Worth:
    """Expected excess loss at the target, given packages that are bought.

    Args:
        law: with its runs.
        features: φ of the target [p].
        curvature: of the bowl at the target [k, k].
    """

    def __init__(self, law: Fitted, features: Floats, curvature: Floats) -> None:
        self._law, self._features, self._curvature = law, features, curvature
        self._between = np.einsum("t,tij->ij", law.trend.weight, law.trend.between) * law.calibration.inflation**2
        self._rows = law.features(law.runs.scales, law.runs.groups)
        self._own = np.linalg.inv(law.bowls.covariance)
        prior = law.priors
        self._prior = np.diag(prior.sd.reshape(-1) ** -2)

    def excess(self, bought: Sequence[_Offer]) -> float:
        """Return the expected excess loss.

        Args:
            bought: packages.
        """
        k = len(self._curvature)
        own, rows, added = self._own.copy(), list(self._rows), dict[tuple[float, ...], int]()
        extra: list[Floats] = []
        for offer in bought:
            key = tuple(offer.scale.tolist())
            if offer.place >= 0:
                own[offer.place] = own[offer.place] + offer.information
            elif key in added:
                extra[added[key]] = extra[added[key]] + offer.information
            else:
                added[key] = len(extra)
                extra.append(offer.information)
                rows.append(offer.features)
        precision = np.concatenate([own, np.array(extra).reshape(-1, k, k)])
        precision = precision + 1e-9 * np.eye(k) * np.trace(self._own.mean(axis=0))
        weight = np.linalg.inv(np.linalg.inv(precision) + self._between)
        phi = np.array(rows)
        size = phi.shape[1] * k
        posterior = np.linalg.inv(np.einsum("sp,sq,sij->piqj", phi, phi, weight).reshape(size, size) + self._prior)
        law = np.einsum("p,piqj,q->ij", self._features, posterior.reshape(phi.shape[1], k, -1, k), self._features)
        return float(0.5 * np.trace(self._curvature @ (law + self._between)))


def _choose(offers: Sequence[_Offer], worth: _Worth, budget: float) -> list[_Offer]:
    """Return packages within the budget: the best of all ways if there are few, else greedily."""
    if not offers:
        return []
    most = int(budget / min(offer.cost for offer in offers) + 1e-9)
    ways = sum(math.comb(len(offers) + n - 1, n) for n in range(1, min(most, 12) + 1))
    if most <= 12 and ways <= ALL:
        sets = (way for n in range(1, most + 1) for way in combinations_with_replacement(offers, n))
        inside = [list(way) for way in sets if sum(offer.cost for offer in way) <= budget * (1 + 1e-9)]
        return min(inside, key=worth.excess)
    return min((_greedily(offers, worth, budget, power) for power in POWERS), key=worth.excess)


def _greedily(offers: Sequence[_Offer], worth: _Worth, budget: float, power: float) -> list[_Offer]:
    """Return packages bought one after the other, each by the drop of expected excess loss over costᵖᵒʷᵉʳ."""
    bought: list[_Offer] = []
    left, now = budget * (1 + 1e-9), worth.excess([])
    while len(bought) < MOST:
        affordable = [offer for offer in offers if offer.cost <= left]
        if not affordable:
            break
        after = [worth.excess([*bought, offer]) for offer in affordable]
        best = max(range(len(after)), key=lambda i: (now - after[i]) / affordable[i].cost ** power)
        bought.append(affordable[best])
        left, now = left - affordable[best].cost, after[best]
    return bought
