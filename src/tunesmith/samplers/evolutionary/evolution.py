"""Differential evolution with some (1+1) steps, for mixed spaces and many cheap evaluations.

A trial is a variation of one point of a population and takes its place if it is no worse. Steps are differences of
other points, current-to-pbest/1 (JADE: Zhang & Sanderson, IEEE Trans. Evol. Comput. 13, 2009), with factors F and CR
around what brought success of late (SHADE: Tanabe & Fukunaga, CEC 2013). Categorical values are taken over whole. Some
of the trials are discrete (1+1) steps (Droste, Jansen & Wegener, 2002) from the best point: they change few
parameters, each to any value, which finds what differences cannot.

A trial's sampler state holds its slot and its factors; the population follows from the finished trials, in order.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.history import History
from tunesmith.numerics.arrays import Floats
from tunesmith.samplers.base import Points, SamplerStates, StatefulSampler, encode_state
from tunesmith.samplers.evolutionary.mutation import mirrored
from tunesmith.samplers.evolutionary.population import FACTORS, MAX_SLOTS, MEMORY, Population
from tunesmith.space import Space

ATTEMPTS = 20  # variations drawn until one is new and meets the constraints


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
                for attempt in range(ATTEMPTS):
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
    """Return a variation u[d] of the point in a slot, and its factors in units of 1 / FACTORS."""
    mutation, filled = population.mutation, population.order
    d, free = len(population.space), mutation.free
    if not population.filled[slot] or len(filled) < 4 or not len(free):
        return mutation.random_point(rng), 0, 0
    # Differences say little about parameters of few values.
    single_step = 0.2 + 0.5 * mutation.few_valued_share
    if rng.random() < single_step or attempt > ATTEMPTS // 2:
        return _step(population, population.u[filled[0] if rng.random() < 0.5 else slot], rng, attempt), 0, 0
    k = int(rng.integers(MEMORY))
    f = min(max(round((population.f[k] + 0.1 * rng.standard_cauchy()) * FACTORS), 5), FACTORS)
    cr = min(max(round((population.cr[k] + 0.1 * rng.standard_normal()) * FACTORS), 0), FACTORS)
    leader = filled[int(rng.integers(max(2, len(filled) // 10)))]
    a, b = filled[rng.integers(len(filled), size=2)]
    own, top = population.u[slot], population.u[leader]
    crossed = rng.random(d) < cr / FACTORS
    crossed[free[int(rng.integers(len(free)))]] = True
    moved = own + f / FACTORS * (top - own + population.u[a] - population.u[b])
    # Beyond a bound: half of the way to it (JADE).
    moved = np.where(moved < 0.0, own / 2.0, np.where(moved > 1.0, (own + 1.0) / 2.0, moved))
    if mutation.has_categorical:
        source = rng.random(d)
        taken = np.where(source < 0.5, top, np.where(source < 0.9, population.u[a], rng.random(d)))
        moved = np.where(mutation.categorical, taken, moved)
    return np.where(crossed, moved, own), f, cr


def _step(population: Population, u: Floats, rng: np.random.Generator, attempt: int) -> Floats:
    """Change each parameter with probability 1 / d, one at least, more after attempts that failed."""
    mutation = population.mutation
    at = mutation.choose_columns(rng, (1.0 + attempt) / len(mutation.free))
    width = 10.0 ** -rng.uniform(0.0, 4.0)  # the scale that helps is not known
    near = mirrored(u[at] + width * rng.standard_normal(len(at)))
    jump = mutation.jump(u, at, rng)
    out = u.copy()
    out[at] = np.where(np.isnan(jump), near, jump)
    return out
