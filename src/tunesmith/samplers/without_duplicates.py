"""No point of a finite space twice, whatever the sampler: for objectives that give the same result each time."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.samplers.common.duplicates import LISTED, Tried
from tunesmith.space import Space

Floats = NDArray[np.float64]
GUESSES = 64  # further proposals that a sampler that is not adaptive is asked for, and random points that are tried
CHUNK = 4096  # cells that are looked at together


class Distinct(Sampler):
    """Proposes what another sampler proposes, or another point where that was tried before; then it is exhausted.

    A sampler that is not adaptive is asked for more proposals. A point of an adaptive one is replaced by a random new
    point, and keeps its sampler state, so that the sampler continues from there. In an infinite space nothing is
    replaced.

    Args:
        inner: the sampler that proposes.

    Attributes:
        inner: the sampler that proposes; this one has its name.
    """

    exclusive: ClassVar[bool] = True

    def __init__(self, inner: Sampler) -> None:
        self.inner = inner
        self.name = inner.name  # type: ignore[misc]  # a study shows whose proposals these are
        self.is_adaptive = inner.is_adaptive  # type: ignore[misc]  # what was tried is known without any result
        self.space = inner.space
        self._seen: _Seen | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_seen": None}

    def exclusive_at(self, history: History) -> bool:
        """Tell whether two proposals from the same history could be the same point."""
        finite = history.space is not None and history.space.is_finite
        return finite or self.inner.exclusive_at(history)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return up to n points that no finished or running trial has; see :meth:`Sampler.ask`."""
        x, states, _ = self.propose(history, space, rng, n)
        return x, states

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str | None]:
        """Return such points, and what the other sampler says of its choice; see :meth:`Sampler.propose`."""
        x, states, reason = self.inner.propose(history, space, rng, n)
        if not space.is_finite or not len(space):
            return x, states, reason
        tried = self._tried(history, space)
        taken = tried.running(history)
        fresh = [i for i in range(len(x)) if tried.is_new(x[i : i + 1], taken)]
        points, kept = [x[fresh]], [states[fresh]]
        missing = n - len(fresh)
        asked = n
        while missing and not self.inner.is_adaptive and len(x) == asked and asked < n * GUESSES:
            asked = min(4 * asked, n * GUESSES)
            x, states = self.inner.ask(history, space, rng, asked)
            fresh = [i for i in range(len(x)) if tried.is_new(x[i : i + 1], taken)][:missing]
            points.append(x[fresh])
            kept.append(states[fresh])
            missing -= len(fresh)
        for i in range(missing):
            other = _other(space, tried, taken, rng)
            if other is None:
                break
            points.append(other)
            kept.append(states[i : i + 1] if i < len(states) else np.zeros(1, np.int64))
        return np.concatenate(points), np.concatenate(kept), reason

    def _tried(self, history: History, space: Space) -> Tried:
        """The points of the finished trials; kept, and extended for new rows only."""
        seen = self._seen
        if seen is None or seen.history() is not history or seen.space is not space:
            seen = self._seen = _Seen(weakref.ref(history), space, Tried(space))
        if seen.rows < len(history):
            seen.tried.take(history.unit(space)[seen.rows :])
            seen.rows = len(history)
        return seen.tried


@dataclass(slots=True)
class _Seen:
    """The points of the first rows of a history: only a cache, since finished rows never change."""

    history: weakref.ref[History]
    space: Space
    tried: Tried
    rows: int = 0


def _other(space: Space, tried: Tried, taken: set[bytes], rng: np.random.Generator) -> Floats | None:
    """Return a point x[1, d] that was not tried, and note it in `taken`; None: there is none."""
    if space.n_cells <= LISTED:
        return tried.free(rng, taken)
    for x in space.sample(rng, GUESSES):
        if tried.is_new(x[None], taken):
            return np.asarray(x[None])
    grid = space.grid()  # nearly all was tried
    first = int(rng.integers(len(grid)))
    for start in range(0, len(grid), CHUNK):
        for x in grid.rows((first + np.arange(start, min(start + CHUNK, len(grid)))) % len(grid)):
            if tried.is_new(x[None], taken):
                return np.asarray(x[None])
    return None
