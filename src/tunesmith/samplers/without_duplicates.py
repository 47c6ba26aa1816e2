"""No point of a finite space twice, whatever the sampler: for objectives that give the same result each time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates, StatefulSampler
from tunesmith.samplers.finished import MAX_FILTER_CELLS_LISTED, DuplicateFilter
from tunesmith.space import Space

DUPLICATE_ATTEMPTS = 64  # proposals asked for in place of each duplicate, and random points tried
CELLS_CHECKED_TOGETHER = 4096  # cells that are checked together


class WithoutDuplicates(StatefulSampler[DuplicateFilter]):
    """Proposes what another sampler proposes, or another point where that was tried before; then it is exhausted.

    A sampler that is not adaptive is asked for more proposals. A duplicate of an adaptive one is replaced by a random
    untried point, which keeps the sampler state, so that the sampler continues from there. In an infinite space nothing
    is replaced.

    Attributes:
        inner: the sampler that proposes; this one has its name.
    """

    exclusive: ClassVar[bool] = True

    def __init__(self, inner: Sampler) -> None:
        super().__init__()
        self.inner = inner
        self.name = inner.name  # type: ignore[misc]  # a study shows whose proposals these are
        self.is_adaptive = inner.is_adaptive  # type: ignore[misc]  # what was tried is known without any result
        self.space = inner.space

    def exclusive_at(self, history: History) -> bool:
        """Tell whether two proposals from the same history could be the same point."""
        finite = history.space is not None and history.space.is_finite
        return finite or self.inner.exclusive_at(history)

    def initial_state(self, space: Space, n_objectives: int) -> DuplicateFilter:
        return DuplicateFilter(space)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return up to n points that no finished or running trial has; see `Sampler.ask`."""
        return self.propose(history, space, rng, n)[:2]

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str | None]:
        """Return such points, and what the other sampler says of its choice; see `Sampler.propose`."""
        x, states, reason = self.inner.propose(history, space, rng, n)
        if not space.is_finite or not len(space):
            return x, states, reason
        with self._state_after(history, space) as tried:
            running = tried.running(history)
            new = [i for i in range(len(x)) if tried.is_new(x[i : i + 1], running)]
            points, kept = [x[new]], [states[new]]
            missing, asked = n - len(new), n
            while missing and not self.inner.is_adaptive and len(x) == asked and asked < n * DUPLICATE_ATTEMPTS:
                asked = min(4 * asked, n * DUPLICATE_ATTEMPTS)
                x, states = self.inner.ask(history, space, rng, asked)
                new = [i for i in range(len(x)) if tried.is_new(x[i : i + 1], running)][:missing]
                points.append(x[new])
                kept.append(states[new])
                missing -= len(new)
            for i in range(missing):
                other = _untried(tried, running, rng)
                if other is None:
                    break
                points.append(other)
                kept.append(states[i : i + 1] if i < len(states) else np.zeros(1, np.int64))
        return np.concatenate(points), np.concatenate(kept), reason


def _untried(tried: DuplicateFilter, running: set[bytes] | None, rng: np.random.Generator) -> Floats | None:
    """Return an untried point x[1, d], and add it to `running`; None: there is none."""
    space = tried.space
    if space.n_cells <= MAX_FILTER_CELLS_LISTED:
        return tried.random_untried(rng, running)
    for x in space.sample(rng, DUPLICATE_ATTEMPTS):
        if tried.is_new(x[None], running):
            return np.asarray(x[None])
    grid = space.grid()  # nearly all was tried
    first = int(rng.integers(len(grid)))
    for start in range(0, len(grid), CELLS_CHECKED_TOGETHER):
        for x in grid.rows((first + np.arange(start, min(start + CELLS_CHECKED_TOGETHER, len(grid)))) % len(grid)):
            if tried.is_new(x[None], running):
                return np.asarray(x[None])
    return None
