"""The sampler of a study whose program has a sampler of its own, which answers while the objective asks."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Space


class ElsewhereSampler(Sampler):
    """Proposes nothing: values come from elsewhere."""

    name: ClassVar[str] = "elsewhere"
    is_adaptive: ClassVar[bool] = False

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n points that say nothing of any parameter; see `Sampler.ask`."""
        return np.full((n, len(space)), np.nan), np.zeros(n, np.int64)
