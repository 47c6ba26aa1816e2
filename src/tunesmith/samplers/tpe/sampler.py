"""Tree-structured Parzen estimators: proposals in a few hundred microseconds, whatever the number of trials.

Of the finished trials the best few are *good*, the others *bad*; l and g are Parzen mixtures of either. The point with
the largest l(u) / g(u) of a number of draws from l is proposed, which maximises the probability of being good and, for
a fixed share of good trials, expected improvement (Bergstra, Bardenet, Bengio & Kégl, NeurIPS 2011, section 4, eqs. 2
and 3). Mixtures are over whole points and hold a uniform prior density, as Watanabe recommends (arXiv 2304.11127, 2023,
sections 3 and 4). What differs from both was measured on published tuning tasks and is said where it is done.

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
from tunesmith.samplers.base import Points, SamplerStates
from tunesmith.samplers.common.boundaries import BEST, Ends
from tunesmith.samplers.common.incremental import Replayed
from tunesmith.samplers.common.optuna_arguments import REFUSED, SILENT, Instead, also_takes
from tunesmith.samplers.common.ranking import FAILED, Standing, standing
from tunesmith.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

GOOD_SHARE = 0.15
MAX_GOOD = 25
MAX_BAD = 500  # kernels of g beyond the running trials: the next ones by rank, the latest, and a thinned-out rest
NEXT, LATEST = 200, 200
SMOOTHING = 0.2  # of categories: the share of a kernel that is spread over all of them
FOLDED = 0.8  # of the continuous coordinates: drawn so that they can fall onto the ends, where optima often lie
EVIDENCE = 0.1  # l's bandwidths go on shrinking as if so many of all trials were good, though MAX_GOOD are
POOL = 256  # trials that are ranked anew at each ask with several objectives; half of them are kept when it is full
MAX_SCAN = 100_000  # cells of a finite space that are looked through for one that is left


PRIOR = Instead("the mixtures always hold a uniform prior", None, True)
OPTUNAS = {
    "multivariate": Instead("parameters are always searched jointly", None, True),
    "group": Instead("conditional parameters are always searched jointly", None, True),
    "constant_liar": Instead("running trials always count as bad", None, True),
    "consider_prior": PRIOR,
    "prior_weight": Instead("the weight of the prior is 1", None, 1, 1.0),
    "consider_magic_clip": Instead("bandwidths have a lower limit of their own", None, True),
    "consider_endpoints": Instead("the ends of a range are no kernels", None, False),
    "gamma": Instead("the share of good trials is 15 %, of at most 25 trials", None),
    "weights": Instead("good trials weigh by their rank, and the others the same", None),
    "constraints_func": REFUSED,
    "warn_independent_sampling": SILENT,
}


@also_takes(OPTUNAS)
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

    def __init__(self, n_startup_trials: int = 5, n_ei_candidates: int = 32, seed: int | None = None) -> None:
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

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n points; see :meth:`Sampler.ask`."""
        states = np.zeros(n, np.int64)
        if len(space) == 0:
            return np.empty((n, 0)), states
        with self._replayed(history, space) as search:
            running = history.pending_points(space) if history.running else np.empty((0, len(space)))
            points: list[Floats] = []
            for _ in range(n):
                points.append(self._propose(search, history.unit(space), running, rng))
                if n > 1:
                    running = np.vstack([running, points[-1]])
        return np.array(points), states

    def _propose(self, search: _Search, unit: Floats, running: Floats, rng: np.random.Generator) -> Floats:
        space = search.space
        taken = set(_keys(running))
        if search.n_valued < self.n_startup_trials:
            return search.unseen(taken, rng)
        good, bad, best = search.mixtures(running)
        low, high = search.ends.reach(unit[best[:BEST]], space.to_unit(running))
        x = space.from_unit(np.clip(good.sample(rng, self.n_ei_candidates, folded=FOLDED), low, high))
        if space.constraints:
            x = x[space.feasible(x)]
            if len(x) == 0:
                x = space.sample(rng, self.n_ei_candidates)
        rows = search.columns.encode(space.to_unit(x))
        score = good.log_density(rows)
        if bad is not None:
            score -= bad.log_density(rows)
        keys = _keys(x)
        for i in np.argsort(-score, kind="stable").tolist():
            if keys[i] not in search.seen and keys[i] not in taken:
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
        self.ends = Ends(space)
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
        self._left: list[tuple[bytes, Floats]] | None = None  # cells not tried yet; None: not needed so far

    def take(self, history: History, first: int, last: int) -> None:
        """Take in the finished rows first … last - 1."""
        x = history.points(self.space)[first:last]
        u = history.unit(self.space)[first:last]
        fresh = self.columns.encode(u)
        self._partial = self._partial or not fresh.active.all()
        if last > len(self._rows):
            self._rows = _grown(self._rows, last)
        for whole, part in zip(self._rows.parts(), fresh.parts(), strict=True):
            whole[:, first:last] = part
        self.seen.update(_keys(x))
        stand = standing(history, slice(first, last))
        self.ends.take(u, (stand.level == FAILED) | np.isposinf(stand.value).any(axis=1))
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

    def mixtures(self, running: Floats) -> tuple[Mixture, Mixture | None, Ints]:
        """Return l, g and the rows that l is made of, the best first; g is None if no trial is bad."""
        order = self.ranking()
        k = max(1, min(math.ceil(GOOD_SHARE * self.n), MAX_GOOD, self.n_valued))
        good = self._rows.take(order[:k])
        bad = self._rows.take(self._bad(order[k:]))
        partial = self._partial
        if len(running):
            extra = self.columns.encode(self.space.to_unit(running))
            partial = partial or not extra.active.all()
            bad = bad.join(extra)
        # Weights that fall with the rank, as in CMA-ES, instead of equal ones: regret after 100 trials fell by a third.
        weight = math.log(k + 0.5) - np.log(np.arange(k) + 1.0)
        weight *= k / weight.sum()
        low = self._mixture(good, weight, EVIDENCE * self.n, partial)
        if len(bad) == 0:
            return low, None, order[:k]
        return low, self._mixture(bad, np.ones(len(bad)), float(len(bad)), partial), order[:k]

    def _mixture(self, rows: Rows, weight: Floats, evidence: float, partial: bool) -> Mixture:
        h = bandwidths(rows, weight, partial, evidence)
        return Mixture(self.columns, rows, weight, prior=1.0, h=h, smoothing=SMOOTHING, partial=partial)

    def _bad(self, rest: Ints) -> Ints:
        """Return which of the rows that are not good get a kernel, in the order of their rank or of their age."""
        if len(rest) <= MAX_BAD:
            return rest
        following, others = rest[:NEXT], rest[NEXT:]
        late = others >= self.n - LATEST
        thin = others[~late]
        step = -(-len(thin) // (MAX_BAD - NEXT - LATEST))
        return np.concatenate([following, others[late], thin[::step]])

    def unseen(self, taken: set[bytes], rng: np.random.Generator) -> Floats:
        """Return a random point that was not tried; if there is none, one that was."""
        x = self.space.sample(rng, 1)
        for count in (16, 256, 0):
            for row, key in zip(x, _keys(x), strict=True):
                if key not in self.seen and key not in taken:
                    return np.array(row)
            if count:
                x = self.space.sample(rng, count)
        if self.space.n_cells <= MAX_SCAN:
            if self._left is None:
                grid = self.space.grid()
                cells = grid.rows(np.arange(len(grid)))
                self._left = list(zip(_keys(cells), cells, strict=True))
            self._left = [cell for cell in self._left if cell[0] not in self.seen]
            free = [row for key, row in self._left if key not in taken]
            if free:
                return np.array(free[int(rng.integers(len(free)))])
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


def _keys(x: Floats) -> list[bytes]:
    """The rows of x[n, d] in a form that compares: NaN equals NaN and 0 equals -0."""
    rows = x + 0.0
    np.copyto(rows, np.inf, where=np.isnan(rows))
    return [row.tobytes() for row in rows]


def _grown(rows: Rows, need: int) -> Rows:
    count = max(2 * len(rows), need)
    made = []
    for a in rows.parts():
        wide = np.zeros((len(a), count), a.dtype)
        wide[:, : a.shape[1]] = a
        made.append(wide)
    return Rows(*made)
