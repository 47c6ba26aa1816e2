"""Differential evolution with a part of (1+1) steps, for mixed spaces and many cheap evaluations.

A trial is a variation of one point of a population and takes its place if it is no worse. Steps are differences of
other points, current-to-pbest/1 (JADE: Zhang & Sanderson, IEEE Trans. Evol. Comput. 13, 2009), with factors F and CR
around what brought success of late (SHADE: Tanabe & Fukunaga, CEC 2013). Categorical values are taken over whole. A
part of the trials are discrete (1+1) steps (Droste, Jansen & Wegener, 2002) from the best point: they change few
parameters, each to any value, which finds what differences cannot.

A trial's sampler state holds its slot and its factors; the population follows from the finished trials, in order.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.samplers.base import Points, SamplerStates, encode_state
from tunesmith.samplers.common.incremental import Replayed
from tunesmith.samplers.evolutionary.mutation import Kinds, mirrored
from tunesmith.samplers.evolutionary.population import FACTORS, MAX_SLOTS, MEMORY, Slots
from tunesmith.space import Space

Floats = NDArray[np.float64]
ATTEMPTS = 20  # variations drawn until one is new and meets the constraints


class EvolutionSampler(Replayed[Slots]):
    """Evolves a population of points; for many cheap evaluations in mixed and conditional spaces.

    The cost of a proposal does not depend on the number of trials. Trials of other samplers, enqueued ones among them,
    join the population if they are good enough. With several objectives the population is kept as NSGA-II does.

    Args:
        popsize: number of points; None: 10 + 1 for each parameter, at most 60. It doubles at each fresh start, when
            nothing was gained for long.
        seed: accepted for porting; the seed that counts is the study's.

    Raises:
        ValueError: the population is smaller than 4 or larger than 1024.
    """

    name: ClassVar[str] = "evolution"

    def __init__(self, popsize: int | None = None, seed: int | None = None) -> None:
        super().__init__()
        if popsize is not None and not 4 <= popsize <= MAX_SLOTS:
            raise ValueError(f"EvolutionSampler: popsize is between 4 and {MAX_SLOTS}; got {popsize!r}")
        self.popsize = popsize
        self.seed = seed

    def begin(self, space: Space, n_objectives: int) -> Slots:
        """Return the state before any trial is finished."""
        n = self.popsize or min(10 + len(space), 60)
        return Slots(space, self.name, n, n_objectives)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Propose n variations; see :meth:`Sampler.ask`."""
        x = np.empty((n, len(space)))
        states = np.zeros(n, np.int64)
        with self._replayed(history, space) as state:
            variation = Variation.of(state)
            running = state.tried.running(history)
            count = len(history) + len(history.running)
            for i in range(n):
                slot = (count + i) % state.n
                for attempt in range(ATTEMPTS):
                    u, f, cr = variation.draw(state, slot, rng, attempt)
                    row = space.from_unit(u[None])
                    if (not space.constraints or space.feasible(row)[0]) and state.tried.is_new(row, running):
                        break
                else:
                    f = cr = 0
                    free = state.tried.free(rng, running)
                    row = space.sample(rng, 1) if free is None else free
                x[i] = row[0]
                states[i] = encode_state(self.name, state.payload(slot, f, cr))
        return x, states


class Variation:
    """How points of one space are varied."""

    def __init__(self, space: Space) -> None:
        self._kinds = Kinds(space)
        self._any_category = bool(self._kinds.category[self._kinds.free].any())
        # Part of (1+1) steps: differences say little about parameters of few values.
        self._single = 0.2 + 0.5 * self._kinds.short_share

    @classmethod
    def of(cls, state: Slots) -> Variation:
        """Return the one that belongs to a state; made once."""
        if state.variation is None:
            state.variation = cls(state.space)
        return state.variation

    def draw(self, state: Slots, slot: int, rng: np.random.Generator, attempt: int) -> tuple[Floats, int, int]:
        """Return a variation u[d] of the point in a slot, and its factors in units of 1 / FACTORS."""
        d, free = len(state.space), self._kinds.free
        filled = state.order
        if not state.filled[slot] or len(filled) < 4 or not len(free):
            return self._kinds.start(rng), 0, 0
        if rng.random() < self._single or attempt > ATTEMPTS // 2:
            return self._step(state.u[filled[0] if rng.random() < 0.5 else slot], rng, attempt), 0, 0
        k = int(rng.integers(MEMORY))
        f = min(max(round((state.f[k] + 0.1 * rng.standard_cauchy()) * FACTORS), 5), FACTORS)
        cr = min(max(round((state.cr[k] + 0.1 * rng.standard_normal()) * FACTORS), 0), FACTORS)
        leader = filled[int(rng.integers(max(2, len(filled) // 10)))]
        a, b = filled[rng.integers(len(filled), size=2)]
        own, top = state.u[slot], state.u[leader]
        crossed = rng.random(d) < cr / FACTORS
        crossed[free[int(rng.integers(len(free)))]] = True
        moved = own + f / FACTORS * (top - own + state.u[a] - state.u[b])
        # Beyond a bound: half of the way to it (JADE).
        moved = np.where(moved < 0.0, own / 2.0, np.where(moved > 1.0, (own + 1.0) / 2.0, moved))
        if self._any_category:
            source = rng.random(d)
            taken = np.where(source < 0.5, top, np.where(source < 0.9, state.u[a], rng.random(d)))
            moved = np.where(self._kinds.category, taken, moved)
        return np.where(crossed, moved, own), f, cr

    def _step(self, u: Floats, rng: np.random.Generator, attempt: int) -> Floats:
        """Change each parameter with probability 1 / d, one at least, more after attempts that were in vain."""
        at = self._kinds.some(rng, (1.0 + attempt) / len(self._kinds.free))
        width = 10.0 ** -rng.uniform(0.0, 4.0)  # the scale that helps is not known
        near = mirrored(u[at] + width * rng.standard_normal(len(at)))
        jump = self._kinds.jump(u, at, rng)
        out = u.copy()
        out[at] = np.where(np.isnan(jump), near, jump)
        return out
