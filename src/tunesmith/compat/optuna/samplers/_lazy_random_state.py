"""Random numbers that are made when they are first used: what samplers of other libraries keep."""

from __future__ import annotations

from functools import cached_property

import numpy as np


class LazyRandomState:
    """Random numbers in NumPy's older form.

    Args:
        seed: of the random numbers; None: another sequence each time.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed

    @cached_property
    def rng(self) -> np.random.RandomState:
        """The random numbers."""
        return np.random.RandomState(self._seed)
