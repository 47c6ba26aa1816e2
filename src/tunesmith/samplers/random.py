"""Random search: independent, uniform in the unit cube of the space (Bergstra & Bengio, JMLR 13, 2012)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Space


class RandomSampler(Sampler):
    """Draws each point independently of all others.

    Args:
        seed: becomes the study's seed, if `create_study` is given none.

    Example:
        ```python
        from tunesmith import Float, minimize
        from tunesmith.samplers import RandomSampler

        study = minimize(lambda x: x**2, {"x": Float(-1, 1)}, sampler=RandomSampler(), n_trials=10, seed=0)
        ```
    """

    name: ClassVar[str] = "random"
    is_adaptive: ClassVar[bool] = False

    @checked()
    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n uniform points; see `Sampler.ask`."""
        return space.sample(rng, n), np.zeros(n, np.int64)
