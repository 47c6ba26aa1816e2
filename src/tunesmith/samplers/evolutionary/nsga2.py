"""NSGA-II: a population that moves towards the whole front of several objectives.

Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Trans. Evol.
Comput. 6, 2002, with constrained domination; crossover SBX (Deb & Agrawal, 1995) and polynomial mutation (Deb & Goyal,
1996) for numbers, uniform crossover and random values for categories.

Measured on ZDT1, 2, 4 and DTLZ2 in 10 parameters, 500 and 1,500 trials: selecting after every 10 trials instead of
every 50, and η of 2 and 5 instead of 15 and 20, bring a larger hypervolume (with the usual values 500 random trials
were better). Half of the children by differential evolution instead of crossover made no difference.

The population is what selection makes of the finished trials, in order. A trial's sampler state is its generation.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats, Indices, Ints
from tunesmith.history import History
from tunesmith.samplers.base import (
    PAYLOAD_MASK,
    Points,
    SamplerStates,
    StatefulSampler,
    accepts_foreign_arguments,
    encode_state,
)
from tunesmith.samplers.evolutionary.mutation import MutationOperators, mirrored
from tunesmith.samplers.finished import ConstrainedRanking, DuplicateFilter
from tunesmith.space import Space

CHILD_ATTEMPTS = 20  # children drawn until one is new and meets the constraints


class Nsga2State:
    """The state of one search: the selected trials and those that are not yet compared with them.

    Args:
        size: number of trials that are selected.
        batch: selection takes place whenever so many new trials are finished.

    Attributes:
        u: the unit points of the selected trials [N, d], NaN where a parameter is inactive; None before the first
            selection.
        rank: rank of each [N].
        distance: crowding distance of each [N], or what else `grade` compares.
        generation: number of selections so far.
    """

    def __init__(self, space: Space, size: int, batch: int) -> None:
        self.space = space
        self.mutation = MutationOperators(space)
        self.tried = DuplicateFilter(space)
        self.generation = 0
        self.u: Floats | None = None
        self.rank: Ints = np.zeros(0, np.int64)
        self.distance: Floats = np.zeros(0)
        self._size, self._batch = size, batch
        self._rows = np.zeros(0, np.int64)
        self._waiting = 0

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1; trials of other samplers count like the own ones."""
        self.tried.add_rows(history, first, last)
        first -= self._waiting
        while True:
            size = self._size if self.u is None else self._batch
            if last - first < size:
                self._waiting = last - first
                return
            self._select(history, np.append(self._rows, np.arange(first, first + size)))
            first += size

    def _select(self, history: History, pool: Ints) -> None:
        """Keep the best of the pool."""
        ranking = ConstrainedRanking.of(history, pool)
        kept = np.sort(self.choose(ranking))
        self._rows = pool[kept]
        self.u = history.unit(self.space)[self._rows]
        self.rank, self.distance = self.grade(ranking.take(kept))
        self.generation += 1

    def choose(self, ranking: ConstrainedRanking) -> Indices:
        """Return the places of those that are kept: by rank, then by crowding distance (section III-C of the paper)."""
        rank, distance = ranking.rank_and_crowding()
        return np.lexsort((-distance, rank))[: self._size]

    def grade(self, ranking: ConstrainedRanking) -> tuple[Ints, Floats]:
        """Return the rank of each member, and by what those of the same rank are compared: the larger is better."""
        return ranking.rank_and_crowding()

    def parent(self, u: Floats, rng: np.random.Generator) -> Floats:
        """Return the better one of two random members."""
        a, b = rng.integers(len(u), size=2).tolist()
        wins = (self.rank[a], -self.distance[a]) <= (self.rank[b], -self.distance[b])
        chosen: Floats = u[a if wins else b]
        return chosen


@accepts_foreign_arguments
class NSGA2Sampler(StatefulSampler[Nsga2State]):
    """Evolves a population towards the front of all objectives, in mixed and conditional spaces with constraints.

    Feasible trials come first, then infeasible ones by the sum of their violations, failed trials last. On finite
    spaces no point is proposed twice as long as others are left.

    Args:
        population_size: number of trials that are kept, and drawn at random at the start.
        batch_size: selection takes place whenever so many new trials are finished; None: a fifth of the population.
            As many as the population: the generations of the paper, which need more trials for the same front.
        mutation_prob: probability that a parameter is mutated; None: 1 / d.
        crossover_prob: probability that a child has two parents.
        eta_crossover: the larger, the nearer are children to their parents. The usual 15 suits ten thousands of trials.
        eta_mutation: the same for mutations. The usual 20 suits ten thousands of trials.
        seed: becomes the study's seed, if `create_study` is given none.

    Raises:
        ValueError: a size is less than 2 or 1, a probability not in [0, 1], or an eta negative.

    Example:
        ```python
        from tunesmith import Int, create_study
        from tunesmith.samplers import NSGA2Sampler

        study = create_study(directions=["minimize", "minimize"], sampler=NSGA2Sampler(population_size=10), seed=0)
        study.optimize(lambda width: (width, 100 / width), n_trials=30, space={"width": Int(1, 100)})
        print([trial.values for trial in study.best_trials])
        ```
    """

    name: ClassVar[str] = "nsga2"

    @checked()
    def __init__(
        self,
        population_size: int = 50,
        *,
        batch_size: int | None = None,
        mutation_prob: float | None = None,
        crossover_prob: float = 0.9,
        eta_crossover: float = 2.0,
        eta_mutation: float = 5.0,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        own = type(self).__name__
        batch = max(1, population_size // 5) if batch_size is None else batch_size
        if population_size < 2 or batch < 1:
            raise ValueError(
                f"{own}: population_size is at least 2 and batch_size at least 1; got {population_size!r} and "
                f"{batch_size!r}"
            )
        for what, p in (("mutation_prob", mutation_prob), ("crossover_prob", crossover_prob)):
            if p is not None and not 0 <= p <= 1:
                raise ValueError(f"{own}: {what} is a probability; got {p!r}")
        if not min(eta_crossover, eta_mutation) >= 0:
            raise ValueError(
                f"{own}: eta_crossover and eta_mutation: etas are not negative; got {eta_crossover!r} and "
                f"{eta_mutation!r}"
            )
        self.population_size, self.batch_size = population_size, batch
        self.mutation_prob, self.crossover_prob = mutation_prob, crossover_prob
        self.eta_crossover, self.eta_mutation = float(eta_crossover), float(eta_mutation)
        self.seed = seed

    def initial_state(self, space: Space, n_objectives: int) -> Nsga2State:
        return Nsga2State(space, self.population_size, self.batch_size)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Propose n children; see `Sampler.ask`."""
        x = np.empty((n, len(space)))
        with self._state_after(history, space) as state:
            running = state.tried.running(history, n)
            for i in range(n):
                for attempt in range(CHILD_ATTEMPTS):
                    row = space.from_unit(self._child(state, rng, attempt)[None])
                    if (not space.constraints or space.feasible(row)[0]) and state.tried.is_new(row, running):
                        break
                else:
                    untried = state.tried.random_untried(rng, running)
                    row = space.sample(rng, 1) if untried is None else untried
                x[i] = row[0]
            own = encode_state(self.name, state.generation & PAYLOAD_MASK)
        return x, np.full(n, own, np.int64)

    def _child(self, state: Nsga2State, rng: np.random.Generator, attempt: int) -> Floats:
        """Return a unit point without gaps; the more attempts failed, the more of it is mutated."""
        mutation = state.mutation
        fresh = mutation.random_point(rng)
        if state.u is None or not len(mutation.free):
            return fresh
        a = before = state.parent(state.u, rng)
        if rng.random() < self.crossover_prob:
            b = state.parent(state.u, rng)
            crossed = self._crossover(a, b, rng)
            crossed = np.where(mutation.categorical, np.where(rng.random(len(a)) < 0.5, a, b), crossed)
            mutation.cross(crossed, a, b, rng)
            # A parameter that one parent lacks comes from the other.
            a = np.where(np.isnan(a), b, np.where(np.isnan(crossed), a, crossed))
        u = np.where(np.isnan(a), fresh, a)  # neither parent had the parameter
        share = 1.0 / len(mutation.free) if self.mutation_prob is None else self.mutation_prob
        at = mutation.free[rng.random(len(mutation.free)) < share * (1 + attempt)]
        if not len(at) and (attempt or np.array_equal(a, before, equal_nan=True)):
            at = mutation.choose_columns(rng, 0.0)  # a copy would be of no use
        if len(at):
            jump = mutation.jump(u, at, rng)
            u[at] = np.where(np.isnan(jump), _polynomial(u[at], self.eta_mutation, rng), jump)
        return u

    def _crossover(self, a: Floats, b: Floats, rng: np.random.Generator) -> Floats:
        """Return the simulated binary crossover of about half of the parameters."""
        t = rng.random(len(a))
        # β: the spread of children relative to that of their parents.
        power = 1.0 / (self.eta_crossover + 1.0)
        beta = np.where(t < 0.5, 2.0 * t, 0.5 / np.maximum(1.0 - t, 1e-12)) ** power
        child = mirrored(0.5 * ((1.0 + beta) * a + (1.0 - beta) * b))
        return np.where(rng.random(len(a)) < 0.5, child, a)


def _polynomial(u: Floats, eta: float, rng: np.random.Generator) -> Floats:
    """Return mutated values: a step in either direction, mostly short, as far as the nearer bound at most."""
    t = rng.random(len(u))
    power = 1.0 / (eta + 1.0)
    down = (2.0 * t + (1.0 - 2.0 * t) * (1.0 - u) ** (eta + 1.0)) ** power - 1.0
    up = 1.0 - (2.0 * (1.0 - t) + (2.0 * t - 1.0) * u ** (eta + 1.0)) ** power
    return np.clip(u + np.where(t < 0.5, down, up), 0.0, 1.0)
