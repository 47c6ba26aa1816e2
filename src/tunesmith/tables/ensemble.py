"""An ensemble of candidates: a weighted average of their answers, chosen greedily on rows that they were not fitted on.

Each step adds the candidate, with replacement, that makes the average best (Caruana et al. 2004, "Ensemble Selection
from Libraries of Models"). What the average scores on the rows that it was chosen on is too good, as with any choice.
So rows are dealt into parts: the weights for each part are chosen on all other parts, and these answers are what the
ensemble is judged by, beside those of the best single candidate, which is chosen in the same way.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Floats, Indices
from tunesmith.tables.responses import TINY, Measure

STEPS = 25
FEWEST_STEPS = 5  # however slow a metric is
LIBRARY = 20  # the best candidates, which an ensemble is chosen from
PARTS = 5
MOST_ROWS = 20_000  # rows that weights are chosen on
SURE = 0.02  # weight of the log loss beside a metric of classes, which many averages have the same value of


@dataclass(frozen=True, slots=True)
class Chosen:
    """An ensemble, and what it and its best member answered for rows that they were not chosen on.

    Attributes:
        weights: of the candidates, [C]; they sum to 1.
        known: the ensemble's answers for the tested rows, [m, ...].
        single: those of single candidates, likewise.
        gain: by how much the ensemble's score is higher.
    """

    weights: Floats
    known: Floats
    single: Floats
    gain: float


def choose_ensemble(
    known: Sequence[Floats],
    y: NDArray[Any],
    measure: Measure,
    weight: Floats | None,
    groups: Indices | None,
    costs: Sequence[float],
    budget: float,
    seed: int,
    seconds: float,
) -> Chosen:
    """Return the ensemble of candidates, and how it does on rows that it was not chosen on.

    Args:
        known: the answers of each candidate for the tested rows, the best candidate first, [m, ...] each.
        y: targets of these rows, codes of classes or numbers.
        weight: of the rows; None: all count alike.
        groups: rows of one group are in one part; None: each row stands for itself.
        costs: seconds that the last fit of each candidate takes.
        budget: seconds that there are for all last fits.
        seconds: that the choice may take: with a slow metric there are fewer steps.
    """
    table = np.stack([np.asarray(one, np.float64) for one in known])
    rng = np.random.default_rng([seed, 4242])
    unit = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    n_units = int(unit.max()) + 1
    part = rng.permutation(np.arange(n_units) % min(PARTS, n_units))[unit]
    start = time.perf_counter()
    measure.score(y, table[0], weight)
    each = (time.perf_counter() - start) * len(table) * (PARTS + 1)
    steps = STEPS if math.isinf(seconds) else min(max(int(seconds / max(each, 1e-9)), FEWEST_STEPS), STEPS)
    made, single = np.empty_like(table[0]), np.empty_like(table[0])
    for k in np.unique(part):
        there = np.flatnonzero(part != k)
        if len(there) > MOST_ROWS:
            there = rng.permutation(there)[:MOST_ROWS]
        out = part == k
        if not len(there):
            there = np.flatnonzero(out)
        goal = _goal(measure, y[there], None if weight is None else weight[there])
        alone = [goal(one) for one in table[:, there]]
        made[out] = np.tensordot(_greedy(table[:, there], alone, goal, costs, budget, steps), table[:, out], 1)
        single[out] = table[int(np.argmax(alone))][out]
    rows = np.arange(len(y)) if len(y) <= MOST_ROWS else rng.permutation(len(y))[:MOST_ROWS]
    goal = _goal(measure, y[rows], None if weight is None else weight[rows])
    at = table[:, rows]
    weights = _greedy(at, [goal(one) for one in at], goal, costs, budget, steps)
    gain = measure.score(y, made, weight) - measure.score(y, single, weight)
    return Chosen(weights, made, single, gain)


def _goal(measure: Measure, y: NDArray[Any], weight: Floats | None) -> Any:
    """Return what is to be as high as possible: the metric, and a little of the log loss where targets are classes."""

    def of(known: Floats) -> float:
        score = measure.score(y, known, weight)
        if measure.classes is None:
            return score if math.isfinite(score) else -math.inf
        own = known[np.arange(len(y)), y] / np.maximum(known.sum(axis=1), TINY)
        sure = float(np.average(np.log(np.clip(own, 1e-6, 1.0)), weights=weight))
        return score + SURE * sure if math.isfinite(score) else -math.inf

    return of


def _greedy(
    table: Floats, alone: Sequence[float], goal: Any, costs: Sequence[float], budget: float, steps: int
) -> Floats:
    """Return the weights of candidates [C] whose average is best, beginning with the best one."""
    count = np.zeros(len(table))
    best = int(np.argmax(alone))
    count[best], total, reached = 1.0, table[best].copy(), alone[best]
    kept = count.copy()
    for step in range(1, steps):
        free = budget - sum(cost for cost, n in zip(costs, count, strict=True) if n)
        open_to = [c for c in range(len(table)) if count[c] or costs[c] <= free]
        values = [goal((total + table[c]) / (step + 1)) for c in open_to]
        at = int(np.argmax(values))
        count[open_to[at]] += 1.0
        total += table[open_to[at]]
        if values[at] > reached:
            reached, kept = values[at], count.copy()
    return np.asarray(kept / kept.sum())
