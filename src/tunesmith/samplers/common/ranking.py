"""The order of finished trials, for samplers that need nothing else of the results.

Feasible complete trials come first, by value; then pruned ones, by their last report; then those that violate
constraints, by how much (Deb, Comput. Methods Appl. Mech. Eng. 186, 2000); then the failed ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunesmith.history import History
from tunesmith.numerics import pareto
from tunesmith.numerics.arrays import Floats, Ints
from tunesmith.state import TrialState

COMPLETE, PRUNED, INFEASIBLE, FAILED = range(4)
_LEVEL_OF = np.full(max(TrialState) + 1, FAILED)  # by the state; compared one by one it takes four times as long
_LEVEL_OF[[TrialState.COMPLETE, TrialState.PRUNED]] = COMPLETE, PRUNED


@dataclass(frozen=True, slots=True)
class ConstrainedRanking:
    """How k trials compare.

    Attributes:
        level: int64[k], COMPLETE is best.
        value: float64[k, m], minimised, never NaN. On the level INFEASIBLE each column is the sum of the violations, on
            FAILED it is 0.
    """

    level: Ints
    value: Floats

    @classmethod
    def of(cls, history: History, rows: Ints | slice) -> ConstrainedRanking:
        """Return how these rows of a history compare."""
        value = np.array(history.y[rows])
        level = _LEVEL_OF[history.state[rows]]
        level[np.isnan(value).any(axis=1)] = FAILED
        c = history.c[rows]
        if c.shape[1]:
            with np.errstate(over="ignore"):
                violation = np.where(c > 0, c, 0.0).sum(axis=1)  # NaN, an unknown constraint, counts as met
            broken = (violation > 0) & (level != FAILED)
            level[broken] = INFEASIBLE
            value[broken] = violation[broken, None]
        value[level == FAILED] = 0.0
        return cls(level, value)

    def take(self, at: Ints) -> ConstrainedRanking:
        """Return how some of the trials compare."""
        return ConstrainedRanking(self.level[at], self.value[at])

    def order(self) -> Ints:
        """Return the places of the trials, the best first; of equal ones the earlier first.

        With several objectives: by rank, then by crowding distance.
        """
        if self.value.shape[1] == 1:
            return np.lexsort((self.value[:, 0], self.level))
        rank, distance = self.rank_and_crowding()
        return np.lexsort((-distance, rank))

    def rank_and_crowding(self) -> tuple[Ints, Floats]:
        """Return each trial's rank int64[k], over all levels, and its crowding distance among those of its rank."""
        rank = np.zeros(len(self.level), np.int64)
        distance = np.zeros(len(self.level))
        start = 0
        for level in np.unique(self.level):
            at = np.flatnonzero(self.level == level)
            own, distance[at] = pareto.ranks_and_crowding(self.value[at])
            rank[at] = start + own
            start = int(rank[at].max()) + 1
        return rank, distance
