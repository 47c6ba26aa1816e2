"""The contract of a sampler, and how it writes its notes (tags) into the history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.space import Space

PAYLOAD_BITS = 48
PAYLOAD_MASK = (1 << PAYLOAD_BITS) - 1

Points = NDArray[np.float64]
Tags = NDArray[np.int64]


class Sampler(ABC):
    """Proposes points. A pure function of (history, space, rng).

    ``ask`` is called by the study each time a trial starts, never by a worker. Whatever a sampler keeps between calls
    is only a cache: a sampler that is dropped and made anew must propose the same from the same history. What it has
    to remember it writes into the trial's tag.

    Attributes:
        name: the name in the registry; also decides the code that marks this sampler's tags.
        exclusive: True if no two proposals may be made from the same history (a grid: both would be the same cell).
            The study then repeats ``ask`` when another worker started a trial meanwhile.
        blind: True if proposals do not depend on the results (random, grid): nothing is gained by waiting for them.
        space: a space that the sampler brings along (the values of a grid), or None. A study that declares none
            searches it, from the first trial on; names that are not in it are drawn at random.
    """

    name: ClassVar[str] = ""
    exclusive: ClassVar[bool] = False
    blind: ClassVar[bool] = False
    space: Space | None = None

    def exclusive_at(self, history: History) -> bool:
        """Tell whether proposals are exclusive now; ``exclusive``, unless that changes in the course of a study."""
        return self.exclusive

    def explain(self, history: History, space: Space) -> str | None:
        """Return who proposes the next trial and why, for a sampler that chooses among others; called before ask."""
        return None

    def in_haste(self) -> Sampler:
        """Return what proposes in place of this one while time is short: by default, this one.

        The study decides when: a sampler sees no clock.
        """
        return self

    @abstractmethod
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, Tags]:
        """Propose up to n points.

        Args:
            history: what is known; must not be changed.
            space: where to search; the points are over its parameters, in its order.
            rng: the only source of randomness, ``default_rng([study_seed, trial_number])``.
            n: how many points are wanted, at least 1.

        Returns:
            Internal values of shape [m, d] (NaN where a parameter is inactive) and tags of shape [m]. m < n means
            that the space is exhausted, and the study stops.
        """


def code_of(name: str) -> int:
    """Return the 15-bit code, from 1, under which the sampler of this name signs its tags."""
    return crc32(name.encode()) % 32767 + 1


def sign(name: str, payload: int) -> int:
    """Return the tag that holds a payload of 48 bits, signed by the sampler of this name.

    Raises:
        ValueError: the payload does not fit.
    """
    if not 0 <= payload <= PAYLOAD_MASK:
        raise ValueError(f"a tag holds 0 to 2**{PAYLOAD_BITS} - 1; got {payload}")
    return (code_of(name) << PAYLOAD_BITS) | payload


def payloads(tags: Tags, name: str) -> NDArray[np.int64]:
    """Return the payloads of those tags that the sampler of this name signed, shape [k], in order."""
    own: NDArray[np.int64] = tags[(tags >> PAYLOAD_BITS) == code_of(name)]
    return np.bitwise_and(own, PAYLOAD_MASK)
