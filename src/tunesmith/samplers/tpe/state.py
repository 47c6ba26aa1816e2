"""What the finished trials are for the tree-structured Parzen estimator: kernels, ordered by merit.

A trial is added in time that does not depend on how many there are. A model has at most
2 MAX_GOOD_TRIALS + MAX_BAD_KERNELS kernels. Most of the time of a proposal is that of a new model. So from
the 800th trial on a new one is not made for each trial, but for 0.25 % more trials. Which trials it knows follows from
their number alone, whoever asks and when.
"""

from __future__ import annotations

import functools
import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.numerics.gp import square_distances
from tunesmith.foundation.numerics.parzen import (
    MAX_TABLE_CELLS,
    TINY_DENSITY,
    CellKernel,
    Columns,
    Mixture,
    Rows,
    bandwidths,
)
from tunesmith.history import History
from tunesmith.samplers.finished import (
    FAILED_LEVEL,
    N_BEST_AT_MARGIN,
    Boundaries,
    ConstrainedRanking,
    near_the_best,
    point_keys,
)
from tunesmith.samplers.tpe.branches import Branch, Branches
from tunesmith.space import Combinatorial, Space

GOOD_TRIALS_SHARE = 0.15
MAX_GOOD_TRIALS = 25
# Kernels of g beyond the running trials: the next ones by rank, the latest, and a thinned-out rest.
MAX_BAD_KERNELS = 500
NEXT_BAD_KERNELS, LATEST_BAD_KERNELS = 200, 200
CATEGORY_SMOOTHING = 0.2  # of categories: the share of a kernel that is spread over all of them
# Of permutations and subsets: how fast a kernel falls with the squared distance, the mean number of moves beyond the
# first of a draw, and the share that stays. The rate is chosen of 4 and 12, on tours, flow shops, linear orders and
# assignments of 10 to 12 items.
ARRANGEMENT_RATE, ARRANGEMENT_MOVES, STAY_SHARE = 12.0, 0.5, 0.3
# The bandwidths of l go on shrinking as if so many of all trials were good, though MAX_GOOD_TRIALS are.
GOOD_EVIDENCE = 0.1
LEARN_AT_ONCE_DIVISOR = 400  # the model learns from a 400th of the trials at once; from a 50th, regret was higher
# Trials that are ranked anew at each ask with several objectives; when full, half of them are kept.
MAX_RANKED_TRIALS = 256
ROWS_SORTED_TOGETHER = 256  # rows that are sorted together, not put in one by one: that takes quadratic time
MAX_TPE_CELLS_LISTED = 100_000  # cells of a finite space that are listed to find an untried one


class ArrangementKernel(CellKernel):
    """How alike permutations or subsets are: the mean over their views of exp(rate (1 - r²)), r² squared distances.

    So random ones, at a distance of about 1, count as much as under the uniform density. It is no density: that its
    integral is not 1 is the same in l and in g.

    Args:
        stay: the share of draws that are the centre itself; all others are a move or two away.
    """

    def __init__(self, param: Combinatorial, stay: float) -> None:
        self._param, self._stay = param, stay
        self.n_cells = int(param.n_values)

    def log_kernel(self, cell: Indices, centre: Indices) -> Floats:
        p = self._param
        views = zip(p.views(p.rows(cell)), p.views(p.rows(centre)), strict=True)
        near = [np.exp(ARRANGEMENT_RATE * (1.0 - square_distances(a, b))) for a, b in views]
        return np.asarray(np.log(np.mean(near, axis=0) + TINY_DENSITY))

    def drawn(self, centre: Indices, rng: np.random.Generator) -> Indices:
        p, stays = self._param, rng.random(len(centre)) < self._stay
        u = p.shaken((centre + 0.5) / self.n_cells, ARRANGEMENT_MOVES, rng)
        return np.where(stays, centre, (u * self.n_cells).astype(np.intp))


@dataclass(frozen=True, slots=True)
class Model:
    """What the finished trials say of a space, or of one of its branches.

    Attributes:
        good: l.
        bad: g; None: no trial is bad.
        is_likely: at which bounds the optimum is likely to lie, bool[2, d].
        limits: the lowest and the highest unit coordinates to propose, [d] each.
    """

    good: Mixture
    bad: Mixture | None
    is_likely: Mask
    limits: tuple[Floats, Floats]


class TpeState:
    """The finished trials of one search: encoded, ordered by merit, and which points were tried.

    Attributes:
        columns: its coordinates as the mixtures have them.
        seen: keys of the points that were tried.
        boundaries: what happened at the bounds of the parameters.
        branches: the branches of a conditional space.
        n: number of finished trials that a model knows.
        n_valued: number of those that did not fail.
    """

    def __init__(self, space: Space, n_objectives: int) -> None:
        self.space = space
        params = list(space.params.values())
        edges = [_cell_edges(space, name) for name in space.names]
        stay = STAY_SHARE if len(params) > 1 else 0.0
        arranged = {j: ArrangementKernel(p, stay) for j, p in enumerate(params) if isinstance(p, Combinatorial)}
        self.columns = Columns(edges, [not p.is_ordered for p in params], arranged)
        self.seen: set[bytes] = set()
        self.boundaries = Boundaries(space)
        self.branches = Branches(space)
        self.n = 0
        self.n_valued = 0
        self._m = n_objectives
        self._partial = space.is_conditional
        self._rows = self.columns.encode(np.full((16, len(space)), 0.5))
        # One objective: keys (level, value, row) and rows, both the best first. Several: a pool that is ranked when
        # needed, and the rows that fell out of it: so many are better that they can never be good.
        self._keys: list[tuple[int, float, int]] = []
        self._order = array("q")
        self._pool: list[tuple[int, tuple[float, ...], int]] = []
        self._ranking: Indices | None = None
        self._models: dict[tuple[tuple[int, int], ...], Model] = {}  # by branch; emptied when trials are learnt
        self._left: list[tuple[bytes, Floats]] | None = None  # cells not tried yet; None: not needed so far

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""
        self.seen.update(point_keys(history.points(self.space)[first:last]))
        due = last - last % max(1, last // LEARN_AT_ONCE_DIVISOR)
        if due > self.n:
            self._learn(history, self.n, due)

    def _learn(self, history: History, first: int, last: int) -> None:
        """Learn from the finished rows first … last - 1."""
        self._ranking = None
        self._models.clear()
        x = history.points(self.space)[first:last]
        u = history.unit(self.space)[first:last]
        fresh = self.columns.encode(u)
        self._partial = self._partial or not fresh.active.all()
        if last > len(self._rows):
            self._rows = _grown(self._rows, last)
        for whole, part in zip(self._rows.parts(), fresh.parts(), strict=True):
            whole[:, first:last] = part
        self.branches.add(x)
        ranking = ConstrainedRanking.of(history, slice(first, last))
        failed: list[bool] = []
        many: list[tuple[int, float, int]] = []
        for row, level, value in zip(range(first, last), ranking.level.tolist(), ranking.value.tolist(), strict=True):
            if max(value) == math.inf:
                level = FAILED_LEVEL
            failed.append(level == FAILED_LEVEL)
            self.n_valued += level != FAILED_LEVEL
            if self._m == 1 and last - first > ROWS_SORTED_TOGETHER:
                many.append((level, value[0], row))
            elif self._m == 1:
                key = (level, value[0], row)
                at = bisect_left(self._keys, key)
                self._keys.insert(at, key)
                self._order.insert(at, row)
            else:
                self._pool.append((level, tuple(value), row))
                if len(self._pool) > MAX_RANKED_TRIALS:
                    ranked = self._ranked_pool()
                    self._pool = ranked[: MAX_RANKED_TRIALS // 2]
                    self._order.extend(row for _, _, row in ranked[MAX_RANKED_TRIALS // 2 :])
        if many:
            self._keys.extend(many)
            self._keys.sort()
            self._order = array("q", [row for _, _, row in self._keys])
        self.boundaries.add(u, np.array(failed))
        self.n = last

    def _ranked_pool(self) -> list[tuple[int, tuple[float, ...], int]]:
        ranking = ConstrainedRanking(np.array([p[0] for p in self._pool]), np.array([p[1] for p in self._pool]))
        return [self._pool[i] for i in ranking.order().tolist()]

    def ranking(self) -> Indices:
        """Return all rows, the best first."""
        if self._ranking is None:
            self._ranking = np.array(self._order, np.intp)
            if self._m > 1:
                ahead = np.array([row for _, _, row in self._ranked_pool()], np.intp)
                self._ranking = np.concatenate([ahead, self._ranking])
        return self._ranking

    def model(self, history: History, running: Floats, branch: Branch | None) -> Model:
        """Return l and g.

        Args:
            running: the running trials [p, d], which are bad.
            branch: the one that is searched; None: there are no branches.
        """
        key = () if branch is None else tuple(branch.category.items())
        model = self._models.get(key)
        if model is None:
            model = self._models[key] = self._fit(history.unit(self.space), None if branch is None else branch.inside)
        if not len(running):
            return model
        u = self.space.to_unit(running)
        rows = self.columns.encode(u)
        partial = self._partial or not rows.active.all()
        if model.bad is not None:
            rows = model.bad.rows.join(rows)
        return replace(
            model, bad=self._mixture_of_bad(rows, partial), limits=self.boundaries.limits(u, model.is_likely)
        )

    def _fit(self, u: Floats, inside: Mask | None) -> Model:
        """Return the model without running trials.

        Args:
            u: the finished trials [n, d].
            inside: which ones lie in the branch that is searched, bool[n]; None: there are no branches. The best ones
                in the branch are good too, and come first: else little would be known of a branch that is behind.
        """
        ranking = self.ranking()
        k = max(1, min(math.ceil(GOOD_TRIALS_SHARE * self.n), MAX_GOOD_TRIALS, self.n_valued))
        best, rest = ranking[:k], ranking[k:]
        if inside is not None:
            own = inside[ranking]
            place = np.cumsum(own)  # of a row in its branch, counted from 1
            promoted = own & (place <= min(math.ceil(GOOD_TRIALS_SHARE * place[-1]), MAX_GOOD_TRIALS))
            promoted[self.n_valued :] = False
            is_good = promoted | (np.arange(self.n) < k)
            best = np.concatenate([ranking[is_good & own], ranking[is_good & ~own]])
            rest = ranking[~is_good]
        good = self._mixture(self._rows.take(best), _weights(len(best)), GOOD_EVIDENCE * self.n, self._partial)
        bad = self._mixture_of_bad(self._rows.take(self._bad(rest)), self._partial) if len(rest) else None
        is_likely = near_the_best(u[best[:N_BEST_AT_MARGIN]])
        return Model(good, bad, is_likely, self.boundaries.limits(u[:0], is_likely))

    def _mixture_of_bad(self, rows: Rows, partial: bool) -> Mixture:
        return self._mixture(rows, np.ones(len(rows)), float(len(rows)), partial)

    def _mixture(self, rows: Rows, weight: Floats, evidence: float, partial: bool) -> Mixture:
        h = bandwidths(rows, weight, partial, evidence)
        return Mixture(self.columns, rows, weight, prior=1.0, h=h, smoothing=CATEGORY_SMOOTHING, partial=partial)

    def _bad(self, rest: Indices) -> Indices:
        """Return which of the rows that are not good get a kernel, in the order of their rank or of their age."""
        if len(rest) <= MAX_BAD_KERNELS:
            return rest
        following, others = rest[:NEXT_BAD_KERNELS], rest[NEXT_BAD_KERNELS:]
        late = others >= self.n - LATEST_BAD_KERNELS
        thin = others[~late]
        step = -(-len(thin) // (MAX_BAD_KERNELS - NEXT_BAD_KERNELS - LATEST_BAD_KERNELS))
        return np.concatenate([following, others[late], thin[::step]])

    def unseen(self, taken: set[bytes], rng: np.random.Generator, otherwise: Floats | None = None) -> Floats:
        """Return a random point that was not tried.

        Args:
            taken: keys of points that run.
            otherwise: is returned if all points were tried; None: a random one then.
        """
        x = self.space.sample(rng, 1)
        for count in (16, 256, 0):
            for row, key in zip(x, point_keys(x), strict=True):
                if key not in self.seen and key not in taken:
                    return np.array(row)
            if count:
                x = self.space.sample(rng, count)
        if self.space.n_cells <= MAX_TPE_CELLS_LISTED:
            if self._left is None:
                grid = self.space.grid()
                cells = grid.rows(np.arange(len(grid)))
                self._left = list(zip(point_keys(cells), cells, strict=True))
            self._left = [cell for cell in self._left if cell[0] not in self.seen]
            free = [row for key, row in self._left if key not in taken]
            if free:
                return np.array(free[int(rng.integers(len(free)))])
            if otherwise is not None:
                return np.array(otherwise)
        return np.array(x[0])


@functools.cache
def _weights(k: int) -> Floats:
    """Weights of k good trials that fall with the rank, as in CMA-ES; with equal ones regret was a third higher."""
    weight = math.log(k + 0.5) - np.log(np.arange(k) + 1.0)
    weight *= k / weight.sum()
    weight.flags.writeable = False
    return np.asarray(weight)


def _cell_edges(space: Space, name: str) -> Floats | None:
    """Edges of a parameter's cells in the unit interval, None if it is continuous or its lattice is fine."""
    p = space[name]
    m = p.n_values
    if m == math.inf or p.is_combinatorial or (p.is_ordered and m > MAX_TABLE_CELLS):
        return None
    if not p.is_ordered:
        return np.linspace(0.0, 1.0, int(m) + 1)
    values = p.cells(np.arange(int(m)))
    between = 0.5 * (values[1:] + values[:-1])  # every scale maps it to the edge: it counts what lies below
    return np.concatenate([[0.0], p.to_unit(between), [1.0]])


def _grown(rows: Rows, need: int) -> Rows:
    count = max(2 * len(rows), need)
    made = []
    for a in rows.parts():
        wide = np.zeros((len(a), count), a.dtype)
        wide[:, : a.shape[1]] = a
        made.append(wide)
    return Rows(*made)
