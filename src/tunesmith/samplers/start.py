"""The first points of a model-based search: what the user believes, what earlier studies found, and an even spread.

First the values that the user believes good, all together; then the best points of earlier studies; then points of a
Sobol' sequence in turn with points drawn from the user's beliefs. The index of the sequence, which stands in the tag of
each trial, says which of them is next, so workers that start at once do not start alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import Earlier, History
from tunesmith.samplers.base import PAYLOAD_MASK, Points, Tags
from tunesmith.samplers.qmc import INDEX_BITS, SEED_BITS, QMCSampler
from tunesmith.samplers.transfer import best_points
from tunesmith.space import Space
from tunesmith.space.priors import UnitPrior, priors_of

Floats = NDArray[np.float64]


class Start:
    """Proposes the first points of a study; to be used by a sampler, under the laws of samplers."""

    def __init__(self) -> None:
        self._spread = QMCSampler()
        self._best: tuple[tuple[Earlier, ...], Space, Floats] | None = None

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, Tags]:
        """Return n points; see :meth:`tunesmith.samplers.Sampler.ask`."""
        x, tags = self._spread.ask(history, space, rng, n)
        priors = priors_of(list(space.params.values()))
        if not len(space) or not (priors or history.earlier):
            return x, tags
        known = np.vstack([self._centre(space, priors), self._found(history, space)])
        seen = np.vstack([history.points(space), history.pending_points(space)])
        for i, tag in enumerate(tags.tolist()):
            index = (tag & PAYLOAD_MASK) >> SEED_BITS & ((1 << INDEX_BITS) - 1)
            fixed = np.full(len(space), np.nan)
            if index < len(known):
                fixed = known[index]
                if _is_among(fixed, seen):
                    continue
            elif priors and (index - len(known)) % 2 == 0:
                for j, prior in priors.items():
                    fixed[j] = list(space.params.values())[j].from_unit(prior.draw(rng.random(1)))[0]
            row = _completed(space, fixed, x[i], rng)
            if not np.isnan(fixed).all() and space.contains_rows(row[None])[0]:
                x[i] = row
        return x, tags

    def _centre(self, space: Space, priors: dict[int, UnitPrior]) -> Floats:
        """Return the point [1, d] of all beliefs, NaN where there is none; [0, d] if there is none at all."""
        centre = np.full((1 if priors else 0, len(space)), np.nan)
        for j, prior in priors.items():
            centre[:, j] = prior.best
        return centre

    def _found(self, history: History, space: Space) -> Floats:
        """Return the best points [k, d] of earlier studies."""
        kept = self._best
        if kept is None or kept[0] is not history.earlier or kept[1] is not space:
            kept = self._best = (history.earlier, space, best_points(history.earlier, space))
        return kept[2]


def _completed(space: Space, fixed: Floats, spare: Floats, rng: np.random.Generator) -> Floats:
    """Return the fixed internal values [d] with those of a spare point in place of NaN, at random where it has none."""
    u = rng.random(len(space))
    drawn = np.array([p.from_unit(u[j : j + 1])[0] for j, p in enumerate(space.params.values())])
    row = np.where(np.isnan(fixed), np.where(np.isnan(spare), drawn, spare), fixed)
    completed: Floats = space.mask(row[None])[0]
    return completed


def _is_among(row: Floats, seen: Floats) -> bool:
    """Tell whether a row of seen[n, d] has the values of row[d], as far as both are known."""
    known = ~np.isnan(row)
    return bool(known.any()) and bool((seen[:, known] == row[known]).all(axis=1).any())
