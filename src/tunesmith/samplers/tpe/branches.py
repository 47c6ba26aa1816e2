"""Which branch of a conditional space is searched next.

The values of a space's *gates*, the categories that other parameters depend on, are a *branch*. A mixture over whole
points compares branches by their densest spot. A branch that was searched a lot has denser ones than a branch that was
tried twice, so the search would stay in the first branch that had a good trial by luck. So the gates are chosen first
and apart, parents before children, each by the ratio of a category's share of the best trials to its share of the
others, as the tree of Bergstra, Bardenet, Bengio & Kégl (NeurIPS 2011, section 4) has it. Two things keep every branch
in the race: the best trials that count are few, and one observation of each category is counted in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.samplers.finished import point_keys
from tunesmith.space import Categorical, Space

BEST_FOR_GATES_SHARE = 0.25  # of √n: so many of n trials are the best ones for gates
MAX_CLOSED_BRANCHES = 64  # branches without a point that is left, before one of them is taken after all
INACTIVE_GATE = -1  # in place of the category of a gate that is inactive


@dataclass(frozen=True)
class Branch:
    """One branch.

    Attributes:
        category: of each gate that is active there, by its column.
        inside: which trials lie there, bool[n].
    """

    category: dict[int, int]
    inside: Mask


class Branches:
    """The branches of a space, and the trials in each.

    Attributes:
        gates: columns of the gates, parents first; none if the space has no conditions.
    """

    def __init__(self, space: Space) -> None:
        table = space.conditions
        params = list(space.params.values())
        self.gates: list[int] = []
        for j in [*(j for j in range(len(params)) if j not in table.rules), *table.order]:
            above = {parent for parent, _, _ in table.rules.get(j, ())}
            if j in table.parents and isinstance(params[j], Categorical) and above <= set(self.gates):
                self.gates.append(j)
        self._table = table
        self._n_values = [p.n_values for p in params]
        self._count = {j: np.zeros(int(self._n_values[j])) for j in self.gates}  # trials in each category
        self._number: dict[tuple[int, ...], int] = {}  # of branches, by the categories of all gates
        self._branch = np.empty(16, np.intp)  # number of each trial's branch
        self.n = 0

    def add(self, x: Floats) -> None:
        """Add finished trials x[n, d]."""
        if not self.gates:
            return
        at = self._categories(x)
        found, of = np.unique(at, axis=0, return_inverse=True)
        numbers = [self._number.setdefault(tuple(one), len(self._number)) for one in found.tolist()]
        last = self.n + len(x)
        if last > len(self._branch):
            self._branch = np.concatenate([self._branch, np.empty(max(last, len(self._branch)), np.intp)])
        self._branch[self.n : last] = np.array(numbers, np.intp)[of.reshape(-1)]
        self.n = last
        for i, j in enumerate(self.gates):
            self._count[j] += _counts(at[:, i], len(self._count[j]))

    def choose(self, x: Floats, ranking: Indices, running: Floats, rng: np.random.Generator) -> Branch:
        """Return the branch to search, of a space that has gates.

        Args:
            x: the finished trials [n, d].
            ranking: their rows, the best first.
            running: the running trials [p, d].
        """
        best = self._categories(x[ranking[: math.ceil(BEST_FOR_GATES_SHARE * math.sqrt(self.n))]])
        pending = self._categories(running)
        ratio = {}
        for i, j in enumerate(self.gates):
            m = len(self._count[j])
            good = _counts(best[:, i], m)
            bad = self._count[j] - good + _counts(pending[:, i], m)
            ratio[j] = (good + 1.0) / (good.sum() + m) / (bad + 1.0) * (bad.sum() + m)
        closed: set[tuple[tuple[int, int], ...]] = set()
        while True:
            branch = self._best(ratio, closed, rng)
            path = tuple(branch.category.items())
            while path in closed:  # all categories below are closed
                path = path[:-1]
            if not path or len(closed) >= MAX_CLOSED_BRANCHES or not self._is_exhausted(branch, x, running):
                return branch
            closed.add(path)

    def unit_of(self, branch: Branch) -> dict[int, float]:
        """Return the unit coordinates of the gates of a branch, by column."""
        return {j: (k + 0.5) / len(self._count[j]) for j, k in branch.category.items()}

    def _best(
        self, ratio: dict[int, Floats], closed: set[tuple[tuple[int, int], ...]], rng: np.random.Generator
    ) -> Branch:
        row = [math.nan] * len(self._n_values)
        category: dict[int, int] = {}
        for j in self.gates:
            if all(row[parent] in values for parent, values, _ in self._table.rules.get(j, ())):
                score = ratio[j]
                if closed:
                    is_open = [(*category.items(), (j, k)) not in closed for k in range(len(score))]
                    score = np.where(is_open, score, 0.0)
                equal = np.flatnonzero(score == score.max())
                category[j] = int(equal[rng.integers(len(equal))] if len(equal) > 1 else equal[0])
                row[j] = float(category[j])
        number = self._number.get(tuple(category.get(j, INACTIVE_GATE) for j in self.gates))
        inside = np.zeros(self.n, bool) if number is None else self._branch[: self.n] == number
        return Branch(category, inside)

    def _is_exhausted(self, branch: Branch, x: Floats, running: Floats) -> bool:
        """Return whether all points of a branch were tried."""
        row = [float(branch.category.get(j, math.nan)) for j in range(len(self._n_values))]
        active = self._table.active_row(row)
        cells = math.prod(m for j, m in enumerate(self._n_values) if active[j] and j not in branch.category)
        if cells > np.count_nonzero(branch.inside) + len(running):
            return False
        at = np.array([branch.category.get(j, INACTIVE_GATE) for j in self.gates])
        pending = running[(self._categories(running) == at).all(axis=1)]
        return len({*point_keys(x[branch.inside]), *point_keys(pending)}) >= cells

    def _categories(self, x: Floats) -> Indices:
        values = x[:, self.gates]
        return np.where(np.isnan(values), INACTIVE_GATE, values).astype(np.intp)


def _counts(category: Indices, m: int) -> Floats:
    """Return how many trials have each of m categories."""
    return np.bincount(category[category != INACTIVE_GATE], minlength=m).astype(np.float64)
