"""Differential evolution with some (1+1) steps, for mixed spaces and many cheap evaluations.

A trial is a variation of one point of a population and takes its place if it is no worse. Steps are differences of
other points, current-to-pbest/1 (JADE: Zhang & Sanderson, IEEE Trans. Evol. Comput. 13, 2009), with factors F and CR
around what brought success of late (SHADE: Tanabe & Fukunaga, CEC 2013). Categorical values are taken over whole, and
permutations and subsets by a crossover of their own. Some
of the trials are discrete (1+1) steps (Droste, Jansen & Wegener, 2002) from the best point: they change few
parameters, each to any value, which finds what differences cannot.

A trial's sampler state holds its slot and its factors; the population follows from the finished trials, in order.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats, Ints
from tunesmith.history import History
from tunesmith.samplers.base import (
    PAYLOAD_BITS,
    PAYLOAD_MASK,
    Points,
    SamplerStates,
    StatefulSampler,
    encode_state,
    sampler_code,
    space_fingerprint,
)
from tunesmith.samplers.evolutionary.mutation import MutationOperators, mirrored
from tunesmith.samplers.finished import FAILED_LEVEL, ConstrainedRanking, DuplicateFilter
from tunesmith.space import Space

# -- the population, as finished trials make it -----------------------------------------------------------------------
#
# Symbols: N slots, each holding one point; d parameters; u[N, d] unit points without gaps: of a parameter that a point
# does not have, the slot keeps the coordinate it had before; f, cr: the factors F and CR of differential evolution.

SLOT_BITS, FACTOR_BITS = 10, 7  # of a payload: fingerprint of the space 8, slot 10, F 7, CR 7
FACTOR_UNITS = (1 << FACTOR_BITS) - 1  # F and CR are stored in units of 1 / FACTOR_UNITS
MEMORY_ENTRIES = 5  # entries of the memory of F and CR
MAX_SLOTS = 1 << SLOT_BITS
SAME_COORDINATE_DISTANCE = 1e-9  # of each range: what two points differ by that are the same


class Population:
    """The state of one search.

    Attributes:
        space: the space that is searched.
        mutation: the mutations of its parameters.
        tried: the points of finished trials, if the space is finite.
        u: the points [N, d].
        filled: which slots hold one, [N].
        f: the memory of the factors F that brought success, [MEMORY_ENTRIES].
        cr: the same of CR.
    """

    def __init__(self, space: Space, name: str, n: int, n_objectives: int) -> None:
        self.space = space
        self.mutation = MutationOperators(space)
        self.tried = DuplicateFilter(space)
        self._same = np.full(len(space), SAME_COORDINATE_DISTANCE)
        for j, p in self.mutation.combinatorial.items():
            self._same[j] = min(SAME_COORDINATE_DISTANCE, 0.5 / p.n_values)
        self._code = sampler_code(name)
        self._fingerprint = space_fingerprint(space)
        self._m = n_objectives
        self._empty(n)

    def _empty(self, n: int) -> None:
        """Begin with N empty slots."""
        d = len(self.space)
        self.u = np.full((n, d), 0.5)
        self.filled = np.zeros(n, bool)
        self.level = np.full(n, FAILED_LEVEL, np.int64)
        self.value = np.zeros((n, self._m))
        self.f = np.full(MEMORY_ENTRIES, 0.5)
        self.cr = np.full(MEMORY_ENTRIES, 0.5)
        self._oldest = 0
        self._successes: list[tuple[float, float]] = []
        self._since_update = self._since_success = 0
        self._order: Ints | None = None
        self._worst: tuple[int, float, int] | None = None
        self._full = False

    @property
    def n(self) -> int:
        """N."""
        return len(self.u)

    @property
    def order(self) -> Ints:
        """The filled slots, the best first."""
        if self._order is None:
            at = np.flatnonzero(self.filled)
            self._order = at[ConstrainedRanking(self.level[at], self.value[at]).order()]
        return self._order

    def holds(self, x: Floats) -> bool:
        """Tell whether one of the points has the internal values x[1, d], but for rounding."""
        u = self.space.to_unit(x)
        return bool(((np.abs(self.u - u) < self._same) | np.isnan(u))[self.filled].all(axis=1).any())

    def payload(self, slot: int, f: int, cr: int) -> int:
        """Return the payload of the sampler state of a trial for this slot; f and cr in units of 1 / FACTOR_UNITS."""
        return (((self._fingerprint << SLOT_BITS) | slot) << FACTOR_BITS | f) << FACTOR_BITS | cr

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""
        unit = history.unit(self.space)[first:last]
        states = history.sampler_state[first:last]
        ranking = ConstrainedRanking.of(history, slice(first, last))
        payload = np.bitwise_and(states, PAYLOAD_MASK).tolist()
        own = (states >> PAYLOAD_BITS == self._code).tolist()
        self.tried.add(unit)
        levels, firsts = ranking.level.tolist(), ranking.value[:, 0].tolist()
        for i in range(last - first):
            level = levels[i]
            if not own[i] and self._m == 1 and self._full and (level, firsts[i]) >= self._last()[:2]:
                continue  # another sampler's, and no better than any point: most of a million
            p = payload[i]
            slot = (p >> (2 * FACTOR_BITS)) & (MAX_SLOTS - 1)
            value = ranking.value[i]
            if own[i] and p >> (SLOT_BITS + 2 * FACTOR_BITS) == self._fingerprint and slot < self.n:
                self._compete(slot, unit[i], level, value, (p >> FACTOR_BITS) & FACTOR_UNITS, p & FACTOR_UNITS)
            elif not self._full:
                self._put(int(np.argmin(self.filled)), unit[i], level, value)
            else:
                self._replace_worst(unit[i], level, value)
            self._restart_if_stuck()

    def _compete(self, slot: int, u: Floats, level: int, value: Floats, f: int, cr: int) -> None:
        """Compare a trial with the point that it is a variation of, and keep the better one."""
        if not self._full:
            if not self.filled[slot] or self._compare(level, value, slot) > 0:
                self._put(slot, u, level, value)
            return
        self._since_update += 1
        self._since_success += 1
        if self._m > 1:  # mostly neither is better: it competes with all
            better = 1 if self._replace_worst(u, level, value) else -1
        else:
            better = self._compare(level, value, slot)
            if better >= 0:
                self._put(slot, u, level, value)
        if better > 0:
            self._since_success = 0
            if f:
                self._successes.append((f / FACTOR_UNITS, cr / FACTOR_UNITS))
        if self._since_update >= self.n:
            self._update_memory()

    def _compare(self, level: int, value: Floats, slot: int) -> int:
        """Return 1: better than what the slot holds, 0: as good or incomparable, -1: worse."""
        if level != self.level[slot]:
            return 1 if level < self.level[slot] else -1
        if self._m == 1:
            mine, its = float(value[0]), float(self.value[slot, 0])
            return (mine <= its) - (its <= mine)
        other = self.value[slot]
        return int(np.all(value <= other)) - int(np.all(other <= value))

    def _replace_worst(self, u: Floats, level: int, value: Floats) -> bool:
        """Let a point take the place of the worst one, unless it is the worst itself; tell whether it did."""
        if self._m == 1:
            *worse, slot = self._last()
            if (level, float(value[0])) >= tuple(worse):
                return False
            self._put(slot, u, level, value)
            return True
        everyone = ConstrainedRanking(np.append(self.level, level), np.vstack([self.value, value]))
        worst = int(everyone.order()[-1])
        if worst == self.n:
            return False
        self._put(worst, u, level, value)
        return True

    def _last(self) -> tuple[int, float, int]:
        """Return level, value and slot of the worst point of a full population with one objective."""
        if self._worst is None:
            slot = int(self.order[-1])
            self._worst = int(self.level[slot]), float(self.value[slot, 0]), slot
        return self._worst

    def _put(self, slot: int, u: Floats, level: int, value: Floats) -> None:
        inactive = np.isnan(u)
        if inactive.any():
            if not self.filled[slot]:  # it has no coordinate yet: any will do, but not the same for all
                self.u[slot] = np.random.default_rng([slot, self.n]).random(len(u))
            u = np.where(inactive, self.u[slot], u)
        self.u[slot] = u
        self.filled[slot] = True
        self.level[slot] = level
        self.value[slot] = value
        self._order = self._worst = None
        self._full = bool(self.filled.all())

    def _update_memory(self) -> None:
        """Replace the oldest entry by the means of what was successful in the last N trials."""
        if self._successes:
            f, cr = np.array(self._successes).T
            self.f[self._oldest] = (f * f).sum() / f.sum()  # Lehmer mean: favours large steps
            self.cr[self._oldest] = cr.mean()
            self._oldest = (self._oldest + 1) % MEMORY_ENTRIES
        self._successes = []
        self._since_update = 0

    def _restart_if_stuck(self) -> None:
        """After a long time without success, keep the best point and begin anew with twice as many slots."""
        if not self._full or self._since_success < 2 * self.n:
            return
        if self._since_success < 30 * self.n and np.ptp(self.u, axis=0).max() > 1e-12:
            return
        best = int(self.order[0])
        u, level, value = self.u[best].copy(), int(self.level[best]), self.value[best].copy()
        self._empty(min(2 * self.n, MAX_SLOTS))
        self._put(0, u, level, value)


# -- the sampler ------------------------------------------------------------------------------------------------------

VARIATION_ATTEMPTS = 20  # variations drawn until one is new and meets the constraints


class EvolutionSampler(StatefulSampler[Population]):
    """Evolves a population of points; for many cheap evaluations in mixed and conditional spaces.

    The cost of a proposal does not depend on the number of trials. Trials of other samplers, enqueued ones among them,
    join the population if they are good enough. With several objectives the population is kept as NSGA-II does.

    Args:
        popsize: number of points; None: 10 + 1 for each parameter, at most 60. It doubles at each restart, after a long
            time without success.
        seed: becomes the study's seed, if `create_study` is given none.

    Raises:
        ValueError: the population is smaller than 4 or larger than 1024.

    Example:
        ```python
        from tunesmith import Float, Int, minimize
        from tunesmith.samplers import EvolutionSampler

        space = {"x": Float(-5, 5), "n": Int(1, 9)}
        study = minimize(lambda x, n: x**2 + n, space, sampler=EvolutionSampler(), n_trials=50, seed=0)
        ```
    """

    name: ClassVar[str] = "evolution"

    @checked()
    def __init__(self, popsize: int | None = None, seed: int | None = None) -> None:
        super().__init__()
        if popsize is not None and not 4 <= popsize <= MAX_SLOTS:
            raise ValueError(f"EvolutionSampler: popsize is between 4 and {MAX_SLOTS}; got {popsize!r}")
        self.popsize = popsize
        self.seed = seed

    def initial_state(self, space: Space, n_objectives: int) -> Population:
        return Population(space, self.name, self.popsize or min(10 + len(space), 60), n_objectives)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Propose n variations; see `Sampler.ask`."""
        x = np.empty((n, len(space)))
        states = np.zeros(n, np.int64)
        with self._state_after(history, space) as population:
            running = population.tried.running(history, n)
            count = len(history) + history.n_pending
            for i in range(n):
                slot = (count + i) % population.n
                for attempt in range(VARIATION_ATTEMPTS):
                    u, f, cr = _vary(population, slot, rng, attempt)
                    row = space.from_unit(u[None])
                    if population.holds(row) or (space.constraints and not space.feasible(row)[0]):
                        continue
                    if population.tried.is_new(row, running):
                        break
                else:
                    f = cr = 0
                    untried = population.tried.random_untried(rng, running)
                    row = space.sample(rng, 1) if untried is None else untried
                x[i] = row[0]
                states[i] = encode_state(self.name, population.payload(slot, f, cr))
        return x, states


def _vary(population: Population, slot: int, rng: np.random.Generator, attempt: int) -> tuple[Floats, int, int]:
    """Return a variation u[d] of the point in a slot, and its factors in units of 1 / FACTOR_UNITS."""
    mutation, filled = population.mutation, population.order
    d, free = len(population.space), mutation.free
    if not population.filled[slot] or len(filled) < 4 or not len(free):
        return mutation.random_point(rng), 0, 0
    # Differences say little about parameters of few values.
    single_step = 0.2 + 0.5 * mutation.few_valued_share
    if rng.random() < single_step or attempt > VARIATION_ATTEMPTS // 2:
        return _change_params(population, population.u[filled[0] if rng.random() < 0.5 else slot], rng, attempt), 0, 0
    k = int(rng.integers(MEMORY_ENTRIES))
    f = min(max(round((population.f[k] + 0.1 * rng.standard_cauchy()) * FACTOR_UNITS), 5), FACTOR_UNITS)
    cr = min(max(round((population.cr[k] + 0.1 * rng.standard_normal()) * FACTOR_UNITS), 0), FACTOR_UNITS)
    leader = filled[int(rng.integers(max(2, len(filled) // 10)))]
    a, b = filled[rng.integers(len(filled), size=2)]
    own, top = population.u[slot], population.u[leader]
    crossed = rng.random(d) < cr / FACTOR_UNITS
    crossed[free[int(rng.integers(len(free)))]] = True
    moved = own + f / FACTOR_UNITS * (top - own + population.u[a] - population.u[b])
    # Beyond a bound: half of the way to it (JADE).
    moved = np.where(moved < 0.0, own / 2.0, np.where(moved > 1.0, (own + 1.0) / 2.0, moved))
    if mutation.has_categorical:
        source = rng.random(d)
        taken = np.where(source < 0.5, top, np.where(source < 0.9, population.u[a], rng.random(d)))
        moved = np.where(mutation.categorical, taken, moved)
    if mutation.combinatorial:
        mutation.cross(moved, own, top if rng.random() < 0.5 else population.u[a], rng)
    return np.where(crossed, moved, own), f, cr


def _change_params(population: Population, u: Floats, rng: np.random.Generator, attempt: int) -> Floats:
    """Change each parameter with probability 1 / d, one at least, more after attempts that failed."""
    mutation = population.mutation
    at = mutation.choose_columns(rng, (1.0 + attempt) / len(mutation.free))
    width = 10.0 ** -rng.uniform(0.0, 4.0)  # the scale that helps is not known
    near = mirrored(u[at] + width * rng.standard_normal(len(at)))
    jump = mutation.jump(u, at, rng)
    out = u.copy()
    out[at] = np.where(np.isnan(jump), near, jump)
    return out
