"""Samplers that never propose the very bound of a continuous range, as Optuna's default sampler never does.

This library tries a bound where the best trials lie beside it. A program written for Optuna may not survive that: an
error at the bound (a rate of 0) would end its search.
"""

from __future__ import annotations

import numpy as np

from tunesmith import samplers as native_samplers
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Space

DISTANCE = 1e-8  # from a bound, of the range: more than what this library takes for the bound itself


class AutoOffBounds(native_samplers.AutoSampler):
    """The sampler of a study that is given none."""

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str]:
        """Return the proposals, off the bounds; see `Sampler.propose`."""
        x, states, reason = super().propose(history, space, rng, n)
        return moved_off_bounds(x, space), states, reason

    def cheap_variant(self) -> Sampler:
        """Return the same, without the Gaussian process."""
        if self._cheap_variant is None:
            self._cheap_variant = AutoOffBounds(self.seed, cheap=True)
        return self._cheap_variant


class TPEOffBounds(native_samplers.TPESampler):
    """The sampler of Parzen estimators."""

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return the proposals, off the bounds; see `Sampler.ask`."""
        x, states = super().ask(history, space, rng, n)
        return moved_off_bounds(x, space), states


def moved_off_bounds(x: Points, space: Space) -> Points:
    """Return points whose continuous coordinates keep a distance from the bounds.

    Args:
        x: internal values [n, d], NaN where inactive.
        space: over whose parameters they are.
    """
    columns = [j for j, p in enumerate(space.params.values()) if p.n_values == np.inf]
    if not columns or len(x) == 0:
        return x
    unit = space.to_unit(x)
    at = np.zeros(unit.shape, bool)
    at[:, columns] = (unit[:, columns] < DISTANCE) | (unit[:, columns] > 1.0 - DISTANCE)
    if not at.any():
        return x
    return np.where(at, space.from_unit(np.clip(unit, DISTANCE, 1.0 - DISTANCE)), x)
