"""Tree-structured Parzen estimators: proposals in a few hundred microseconds, whatever the number of trials.

Of the finished trials the best few are *good*, the others *bad*; l and g are Parzen mixtures of either. The point with
the largest l(u) / g(u) of a number of draws from l is proposed, which maximises the probability of being good and, for
a fixed share of good trials, expected improvement (Bergstra, Bardenet, Bengio & Kégl, NeurIPS 2011, section 4, eqs. 2
and 3). Mixtures are over whole points and hold a uniform prior density, as Watanabe found best (arXiv 2304.11127, 2023,
sections 3 and 5). What differs from both was measured on published tuning tasks and is said where it is done.

The state of a search (:class:`_Search`) is the encoded trials and their order by merit, to which a trial is added in
time that does not depend on how many there are. A model has at most MAX_GOOD + MAX_BAD kernels.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.numerics.parzen import MAX_TABLE, Columns, Mixture, Rows, bandwidths
from tunesmith.samplers.base import Points, Sampler, Tags
from tunesmith.samplers.replay import Replayed
from tunesmith.samplers.standing import FAILED, Standing, standing
from tunesmith.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

GOOD_SHARE = 0.1
MAX_GOOD = 25
MAX_BAD = 500  # kernels of g beyond the running trials: the next ones by rank, the latest, and a thinned-out rest
NEXT, LATEST = 200, 200
SMOOTHING = 0.2  # of categories: the share of a kernel that is spread over all of them
FOLDED = 0.5
POOL = 256  # trials that are ranked anew at each ask with several objectives; half of them are kept when it is full
MAX_SCAN = 100_000  # cells of a finite space that are looked through for one that is left


class TPESampler(Replayed["_Search"]):
    """Proposes the most promising of several draws from a mixture around the best trials.

    Parameters are searched jointly. In conditional spaces a trial counts for the parameters that it used, also where
    conditions are not declared. Trials that violate constraints rank behind all others, by how much; several
    objectives are ranked by non-dominated fronts and crowding; pruned trials by their last report, behind the complete
    ones; trials that failed, are infinite or run now are bad. A point of a finite space is not proposed twice while
    another one is left.

    Args:
        n_startup_trials: random trials (with a value) before the model takes over.
        n_ei_candidates: draws of which the best one is proposed.
        seed: accepted for porting; the seed that counts is the study's.

    Raises:
        ValueError: a number is below 1.
    """

    name: ClassVar[str] = "tpe"

    def __init__(self, n_startup_trials: int = 5, n_ei_candidates: int = 64, seed: int | None = None) -> None:
        super().__init__()
        for what, count in (("n_startup_trials", n_startup_trials), ("n_ei_candidates", n_ei_candidates)):
            if count < 1:
                raise ValueError(f"TPESampler: {what} must be 1 or more; got {count}")
        self.n_startup_trials = n_startup_trials
        self.n_ei_candidates = n_ei_candidates
        self.seed = seed

    def begin(self, space: Space, n_objectives: int) -> _Search:
        """See :class:`Replayed`."""
        return _Search(space, n_objectives)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, Tags]:
        """Return n points; see :meth:`Sampler.ask`."""
        tags = np.zeros(n, np.int64)
        if len(space) == 0:
            return np.empty((n, 0)), tags
        with self._replayed(history, space) as search:
            running = history.pending_points(space) if history.running else np.empty((0, len(space)))
            points: list[Floats] = []
            for _ in range(n):
                taken = {_key(row) for row in running} if len(running) else set()
                point = self._propose(search, running, taken, rng)
                points.append(point)
                running = np.vstack([running, point])
        return np.array(points), tags

    def _propose(self, search: _Search, running: Floats, taken: set[bytes], rng: np.random.Generator) -> Floats:
        space = search.space
        if search.n_valued < self.n_startup_trials:
            x = space.sample(rng, 1)
            if _key(x[0]) not in search.seen and _key(x[0]) not in taken:
                return x[0]
            return search.unseen(taken, rng)
        good, bad = search.mixtures(running)
        x = space.from_unit(good.sample(rng, self.n_ei_candidates, folded=FOLDED))
        if space.constraints:
            x = x[space.feasible(x)]
            if len(x) == 0:
                x = space.sample(rng, self.n_ei_candidates)
        rows = search.columns.encode(space.to_unit(x))
        score = good.log_density(rows)
        if bad is not None:
            score -= bad.log_density(rows)
        for i in np.argsort(-score, kind="stable").tolist():
            key = _key(x[i])
            if key not in search.seen and key not in taken:
                return np.array(x[i])
        return search.unseen(taken, rng)


class _Search:
    """The finished trials of one search: encoded, ordered by merit, and which points were tried."""

    def __init__(self, space: Space, n_objectives: int) -> None:
        self.space = space
        params = list(space.params.values())
        edges = [_edges(space, name) for name in space.names]
        self.columns = Columns(edges, [not p.is_ordered for p in params])
        self.seen: set[bytes] = set()
        self.n = 0
        self.n_valued = 0
        self._m = n_objectives
        self._partial = space.is_conditional
        self._rows = self.columns.encode(np.full((16, len(space)), 0.5))
        # One objective: keys (level, value, row) and rows, both the best first. Several: a pool that is ranked when
        # needed, and the rows that fell out of it, which many better ones keep out of the good for ever.
        self._keys: list[tuple[int, float, int]] = []
        self._order = array("q")
        self._pool: list[tuple[int, tuple[float, ...], int]] = []

    def take(self, history: History, first: int, last: int) -> None:
        """Take in the finished rows first … last - 1."""
        x = history.points(self.space)[first:last]
        u = history.unit(self.space)[first:last]
        fresh = self.columns.encode(u)
        self._partial = self._partial or not bool(fresh.active.all())
        if last > len(self._rows):
            self._rows = _grown(self._rows, last)
        for whole, part in (
            (self._rows.u, fresh.u),
            (self._rows.active, fresh.active),
            (self._rows.cell, fresh.cell),
        ):
            whole[first:last] = part
        self.seen.update(map(_key, x))
        stand = standing(history, slice(first, last))
        for row, level, value in zip(range(first, last), stand.level.tolist(), stand.value.tolist(), strict=True):
            if max(value) == math.inf:
                level = FAILED
            self.n_valued += level != FAILED
            if self._m == 1:
                key = (level, value[0], row)
                at = bisect_left(self._keys, key)
                self._keys.insert(at, key)
                self._order.insert(at, row)
            else:
                self._pool.append((level, tuple(value), row))
                if len(self._pool) > POOL:
                    ranked = self._ranked_pool()
                    self._pool = ranked[: POOL // 2]
                    self._order.extend(row for _, _, row in ranked[POOL // 2 :])
        self.n = last

    def _ranked_pool(self) -> list[tuple[int, tuple[float, ...], int]]:
        stand = Standing(np.array([p[0] for p in self._pool]), np.array([p[1] for p in self._pool]))
        return [self._pool[i] for i in stand.order().tolist()]

    def ranking(self) -> Ints:
        """Return all rows, the best first."""
        order = np.array(self._order, np.intp)
        if self._m == 1:
            return order
        return np.concatenate([np.array([row for _, _, row in self._ranked_pool()], np.intp), order])

    def mixtures(self, running: Floats) -> tuple[Mixture, Mixture | None]:
        """Return l and g; g is None if no trial is bad."""
        order = self.ranking()
        k = max(1, min(math.ceil(GOOD_SHARE * self.n), MAX_GOOD, self.n_valued))
        good = self._rows.take(order[:k])
        bad = self._rows.take(self._bad(order[k:]))
        if len(running):
            extra = self.columns.encode(self.space.to_unit(running))
            bad = Rows(*(np.concatenate(pair) for pair in zip(_parts(bad), _parts(extra), strict=True)))
        origin = good.u[0]
        rank = np.arange(k)
        # Weights that fall with the rank, as in CMA-ES, instead of equal ones: regret after 100 trials fell by a third.
        weight = math.log(k + 0.5) - np.log(rank + 1.0)
        weight *= k / weight.sum()
        return self._mixture(good, weight, origin), (
            self._mixture(bad, np.ones(len(bad)), origin) if len(bad) else None
        )

    def _mixture(self, rows: Rows, weight: Floats, origin: NDArray[np.float32]) -> Mixture:
        h = bandwidths(rows, weight, self._partial)
        return Mixture(
            self.columns, rows, weight, prior=1.0, h=h, smoothing=SMOOTHING, origin=origin, partial=self._partial
        )

    def _bad(self, rest: Ints) -> Ints:
        """Return which of the rows that are not good get a kernel, in the order of their rank or of their age."""
        if len(rest) <= MAX_BAD:
            return rest
        following, others = rest[:NEXT], rest[NEXT:]
        late = others >= self.n - LATEST
        others = others[~late]
        left = MAX_BAD - NEXT - int(late.sum())
        return np.concatenate([following, rest[NEXT:][late], others[:: -(-len(others) // left)]])

    def unseen(self, taken: set[bytes], rng: np.random.Generator) -> Floats:
        """Return a random point that was not tried; if there is none, one that was."""
        x = self.space.sample(rng, 1)
        for count in (1, 16, 256):
            x = self.space.sample(rng, count)
            for row in x:
                key = _key(row)
                if key not in self.seen and key not in taken:
                    return np.array(row)
        if self.space.n_cells <= MAX_SCAN:
            grid = self.space.grid()
            cells = grid.rows(np.arange(len(grid)))
            left = [i for i, row in enumerate(cells) if (key := _key(row)) not in self.seen and key not in taken]
            if left:
                return np.array(cells[left[int(rng.integers(len(left)))]])
        return np.array(x[0])


def _edges(space: Space, name: str) -> Floats | None:
    """Edges of a parameter's cells in the unit interval, None if it is continuous or its lattice is fine."""
    p = space[name]
    m = p.n_values
    if m == math.inf or (p.is_ordered and m > MAX_TABLE):
        return None
    if not p.is_ordered:
        return np.linspace(0.0, 1.0, int(m) + 1)
    values = p.cells(np.arange(int(m)))
    between = 0.5 * (values[1:] + values[:-1])  # every scale maps it to the edge: it counts what lies below
    return np.concatenate([[0.0], p.to_unit(between), [1.0]])


def _key(x: Floats) -> bytes:
    return (np.nan_to_num(x, nan=np.inf) + 0.0).tobytes()


def _parts(rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.bool_], Ints]:
    return rows.u, rows.active, rows.cell


def _grown(rows: Rows, need: int) -> Rows:
    count = max(2 * len(rows), need)
    made = []
    for a in _parts(rows):
        wide = np.zeros((count, *a.shape[1:]), a.dtype)
        wide[: len(a)] = a
        made.append(wide)
    return Rows(*made)
