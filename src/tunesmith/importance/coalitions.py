"""Coalitions of parameters, and the weights that make Shapley values of what they gain.

Symbols: d parameters, q coalitions, b draws. Of many parameters, orders of tuning are sampled (Castro, Gómez & Tejada,
"Polynomial calculation of the Shapley value based on sampling", 2009), each together with its reverse.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from tunesmith.numerics.arrays import Floats, Indices, Mask

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
