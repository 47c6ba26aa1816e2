"""What finished trials tell every sampler: their order, bounds that fail, points that were tried, conditions.

Nothing here proposes a point, and nothing here knows a particular sampler.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.numerics import pareto
from tunesmith.foundation.numerics.arrays import Floats, Indices, Ints, Mask
from tunesmith.foundation.states import TrialState
from tunesmith.history import ROWS_AT_ONCE, History
from tunesmith.space import Categorical, Space

# -- the order of finished trials, for samplers that need nothing else of the results ---------------------------------
#
# Feasible complete trials come first, by value; then pruned ones, by their last report; then those that violate
# constraints, by how much (Deb, Comput. Methods Appl. Mech. Eng. 186, 2000); then the failed ones.

COMPLETE_LEVEL, PRUNED_LEVEL, INFEASIBLE_LEVEL, FAILED_LEVEL = range(4)
_LEVEL_OF = np.full(max(TrialState) + 1, FAILED_LEVEL)  # by the state; compared one by one it takes four times as long
_LEVEL_OF[[TrialState.COMPLETE, TrialState.PRUNED]] = COMPLETE_LEVEL, PRUNED_LEVEL


@dataclass(frozen=True, slots=True)
class ConstrainedRanking:
    """How k trials compare.

    Attributes:
        level: int64[k], COMPLETE_LEVEL is best.
        value: float64[k, m], minimised, never NaN. On INFEASIBLE_LEVEL each column is the sum of the violations, on
            FAILED_LEVEL it is 0.
    """

    level: Ints
    value: Floats

    @classmethod
    def of(cls, history: History, rows: Ints | slice) -> ConstrainedRanking:
        """Return how these rows of a history compare."""
        value = history.y[rows].copy()
        if value.shape[1] > 1:
            value = _without_last_bits(value)
        level = _LEVEL_OF[history.state[rows]]
        level[np.logical_or.reduce(np.isnan(value), axis=1)] = FAILED_LEVEL
        c = history.c[rows]
        if c.shape[1]:
            with np.errstate(over="ignore"):
                violation = np.where(c > 0, c, 0.0).sum(axis=1)  # NaN, an unknown constraint, counts as met
            broken = (violation > 0) & (level != FAILED_LEVEL)
            level[broken] = INFEASIBLE_LEVEL
            value[broken] = violation[broken, None]
        value[level == FAILED_LEVEL] = 0.0
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


def _without_last_bits(value: Floats) -> Floats:
    """Return values rounded to 40 binary digits, so that the last bits of another processor make no trial dominate."""
    part, exponent = np.frexp(value)
    with np.errstate(over="ignore"):
        rounded = np.ldexp(np.round(part * 2.0**40) / 2.0**40, exponent)
    return np.where(np.isfinite(rounded), rounded, value)


# -- how close to the bounds of continuous parameters a proposal may come ---------------------------------------------
#
# An objective often fails at a bound (the logarithm of 0, a rate of 1). So a bound at which a trial failed is not
# proposed again, but only what lies a small margin inside, and while the first trial at a bound runs, no second one is
# sent there. Where the expected improvement decides, all other bounds are open: the optima of many spaces lie in joint
# corners. A sampler that cannot tell one bound from another keeps the margin until the three best trials all lie at it
# (one of them may be there for the sake of its other parameters).
#
# Symbols: u[n, d] unit coordinates, NaN where inactive; an array [2, d] has a row for low bounds and one for high ones.

BOUND_MARGIN = 1e-3  # of a range
NEAR_MARGIN = (1.0 + 1e-6) * BOUND_MARGIN  # a point this close lies at the margin or beyond: coordinates are rounded
BEYOND_MARGIN = 0.5 * BOUND_MARGIN  # a point this close lies beyond the margin, however its coordinates are rounded
N_BEST_AT_MARGIN = 3  # so many of the best trials have to lie at the margin
EDGE = 1e-9  # a point this close lies at the bound


class Boundaries:
    """What trials at the bounds of the parameters of a space resulted in."""

    def __init__(self, space: Space) -> None:
        self._continuous = np.array([p.n_values == np.inf for p in space.params.values()], bool)
        self._valued = np.zeros((2, len(space)), bool)
        self._failed = np.zeros((2, len(space)), bool)

    def add(self, u: Floats, failed: Mask) -> None:
        """Add finished trials u[n, d], and which of them failed [n]."""
        for start in range(0, len(u), ROWS_AT_ONCE):
            part, bad = u[start : start + ROWS_AT_ONCE], failed[start : start + ROWS_AT_ONCE]
            if part.size and np.minimum.reduce(part, None) > EDGE and 1.0 - np.maximum.reduce(part, None) > EDGE:
                continue  # the most frequent case; where a coordinate is absent, NaN, the comparison is false
            at = np.array([part <= EDGE, 1.0 - part <= EDGE])
            self._valued |= at[:, ~bad].any(axis=1)
            self._failed |= at[:, bad].any(axis=1)

    def explain_failure(self, u: Floats) -> Mask:
        """Tell which failed trials u[n, d] lie at a bound that has failures only: what lies inside may be good."""
        low, high = self._continuous & self._failed & ~self._valued
        return np.asarray(((low & (u <= EDGE)) | (high & (1.0 - u <= EDGE))).any(axis=1))

    def limits(self, running: Floats, is_likely: Mask | bool = True) -> tuple[Floats, Floats]:
        """Return the lowest and the highest unit coordinates [d] to propose.

        Args:
            running: the running trials, unit coordinates [p, d].
            is_likely: at which bounds the optimum is likely to lie [2, d]; True: at any.
        """
        is_open = ~self._failed & is_likely
        if len(running):
            is_open &= self._valued | (_count_near_bounds(running, EDGE) == 0)
        margin = BOUND_MARGIN * (self._continuous & ~is_open)
        return margin[0], 1.0 - margin[1]


def near_the_best(good: Floats) -> Mask:
    """Tell at which bounds [2, d] the optimum is likely to lie, by the best trials alone.

    Args:
        good: the best trials, unit coordinates [k, d]: `N_BEST_AT_MARGIN` of them, or all those of a front.
    """
    return np.asarray(_count_near_bounds(good, NEAR_MARGIN) >= N_BEST_AT_MARGIN)


def lie_beyond(u: Floats, limits: tuple[Floats, Floats]) -> Mask:
    """Tell which points u[n, d] lie nearer to a bound than the limits, by more than coordinates are rounded.

    A point at the margins of many parameters would hardly ever pass if each coordinate had to be exact.
    """
    low, high = limits
    with np.errstate(invalid="ignore"):  # NaN: inactive, at no bound
        return np.asarray(((u < low - BEYOND_MARGIN) | (u > high + BEYOND_MARGIN)).any(axis=1))


def _count_near_bounds(u: Floats, distance: float) -> Indices:
    """Return how many rows of u[n, d] are this close to a bound, [2, d]."""
    return np.asarray(np.add.reduce(np.array([u <= distance, 1.0 - u <= distance]), axis=1, dtype=np.intp))


# -- which points of a finite space were tried, so that none is tried twice as long as others are left ----------------

MAX_RUNNING_UNFILTERED = 16  # running trials up to which those of an infinite space are taken to differ by themselves
MAX_FILTER_CELLS_LISTED = 4096  # cells of a space up to which all of them are listed to find an untried one


class DuplicateFilter:
    """The points of finished trials in one space; of an infinite one nothing is kept, and only running trials count.

    Two points of a finite space are the same if their unit coordinates agree to ten digits.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._finite = space.is_finite and len(space) > 0
        self._arranged = any(p.is_combinatorial for p in space.params.values())  # whose ranks have more than ten digits
        self._tried: set[bytes] = set()
        self._cells: list[bytes] | None = None

    def add(self, u: Floats) -> None:
        """Add unit points of finished trials, [n, d]."""
        if self._finite:
            self._tried.update(self._keys(u))

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""
        self.add(history.unit(self.space)[first:last])

    def running(self, history: History, n: int = 1) -> set[bytes] | None:
        """Return the keys of the running trials; None: so few run in an infinite space that none is compared.

        Args:
            n: how many points are to be proposed.
        """
        if not self._finite and history.n_pending + n - 1 <= MAX_RUNNING_UNFILTERED:
            return None
        return set(self.keys_of(history.pending_points(self.space))) if history.n_pending else set()

    def is_new(self, x: Floats, running: set[bytes] | None) -> bool:
        """Tell whether a point x[1, d] was not tried; its key is then added to `running`."""
        if running is None or not len(self.space):
            return True
        key = self.keys_of(x)[0]
        if key in self._tried or key in running:
            return False
        running.add(key)
        return True

    def keys_of(self, x: Floats) -> list[bytes]:
        """Return the keys of points x[n, d]."""
        return self._keys(self.space.to_unit(x)) if self._finite else point_keys(x)

    def _keys(self, u: Floats) -> list[bytes]:
        return point_keys(self.space.from_unit(u)) if self._arranged else _row_keys(u)

    def random_untried(self, rng: np.random.Generator, running: set[bytes] | None) -> Floats | None:
        """Return a random untried point x[1, d] of a small space; None: there is none, or the space is large."""
        if running is None or not self._finite or self.space.n_cells > MAX_FILTER_CELLS_LISTED:
            return None
        grid = self.space.grid()
        if self._cells is None:
            self._cells = self.keys_of(grid.rows(np.arange(len(grid))))
        left = [i for i, key in enumerate(self._cells) if key not in self._tried and key not in running]
        if not left:
            return None
        i = left[int(rng.integers(len(left)))]
        running.add(self._cells[i])
        return np.array(grid.rows(np.array([i])))


def _row_keys(u: Floats) -> list[bytes]:
    return _rows_as_bytes(np.rint(np.nan_to_num(u, nan=-1.0) * 2.0**36))


def point_keys(x: Floats) -> list[bytes]:
    """Return the rows of x[n, d] as keys that are equal where the rows are: NaN equals NaN and 0 equals -0."""
    rows = x + 0.0
    rows[rows != rows] = np.inf
    return _rows_as_bytes(rows)


def _rows_as_bytes(rows: Floats) -> list[bytes]:
    n, d = rows.shape
    if not d:
        return [b""] * n
    text, size = rows.tobytes(), d * rows.itemsize
    return [text[i : i + size] for i in range(0, len(text), size)]


# -- conditions that a define-by-run objective follows without declaring them -----------------------------------------
#
# A parameter that was used in exactly the trials in which a categorical one had some of its values is taken to be
# conditional on it, from the first trial with it and the first without it on: a rule that is wrong ends with the first
# trial that breaks it. Model-based samplers then search the tree that the objective walks, not a box around it.


def infer_conditions(space: Space, x: Floats) -> Space:
    """Return the space with conditions for those parameters whose use another parameter's value explains.

    Args:
        space: a space without conditions; one that has any is returned as it is.
        x: internal values [n, d] of the trials so far, NaN where a parameter was not used.

    Returns:
        The space with the conditions, or the given one.
    """
    missing = np.isnan(x)
    if space.is_conditional or not missing.any():
        return space
    names = space.names
    parents = [j for j, n in enumerate(names) if isinstance(space[n], Categorical)]
    conditional = {}
    for j, name in enumerate(names):
        if not missing[:, j].any() or missing[:, j].all():
            continue
        rule = _explain(x, missing, j, [p for p in parents if p != j], space)
        if rule is not None:
            parent, values = rule
            conditional[name] = space[name].when({names[parent]: values})
    if not conditional:
        return space
    try:
        return Space.from_columns({**space.params, **conditional}, space.constraints, space.external)
    except ValueError:  # two parameters that explain one another: take neither
        return space


def _explain(x: Floats, missing: Mask, j: int, parents: list[int], space: Space) -> tuple[int, list[object]] | None:
    """Return the parent and its values that go with parameter j, preferring parents that are used most often."""
    used = ~missing[:, j]
    for p in sorted(parents, key=lambda p: (int(missing[:, p].sum()), p)):
        known = ~missing[:, p]
        if np.any(used & ~known):
            continue
        label = x[known, p].astype(np.intp)
        count = np.bincount(label)
        on = np.bincount(label, weights=used[known].astype(float))
        if np.any((on > 0) & (on < count)) or not np.any((on == 0) & (count > 0)):
            continue
        parent = space[space.names[p]]
        return p, [parent.to_external(float(k)) for k in np.flatnonzero(on > 0)]
    return None
