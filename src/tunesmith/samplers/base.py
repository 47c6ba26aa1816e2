"""The contract of a sampler, and how it encodes what it has to remember of a trial into one integer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

import numpy as np

from tunesmith.foundation import registry
from tunesmith.foundation.numerics.arrays import Floats, Ints
from tunesmith.history import History
from tunesmith.space import Space

PAYLOAD_BITS = 48
PAYLOAD_MASK = (1 << PAYLOAD_BITS) - 1

Points = Floats
SamplerStates = Ints


class Sampler(registry.Made, ABC):
    """Proposes points. A pure function of (history, space, rng).

    ``ask`` is called by the study each time a trial starts, never by a worker. Whatever a sampler keeps between calls
    is only a cache: a sampler that is dropped and made anew must propose the same from the same history. What it has
    to remember of a trial it returns as the trial's sampler state, which the study stores.

    Attributes:
        name: the name in the registry. It also decides the code under which this sampler encodes its states.
        exclusive: True if no two proposals may be made from the same history (a grid: both would be the same cell).
            The study then repeats ``ask`` when another worker started a trial meanwhile.
        is_adaptive: False if proposals do not depend on the results (random, grid): there is no gain in waiting for
            them.
        asks_class_from: the trial from which on proposals depend on how dear a trial is; the study then finds that out.
        space: a space that the sampler brings along (the values of a grid), or None. A study that declares none
            searches it, from the first trial on; a name that is not in it, or a range without its value, is an error.
    """

    name: ClassVar[str] = ""
    exclusive: ClassVar[bool] = False
    is_adaptive: ClassVar[bool] = True
    asks_class_from: float = math.inf
    space: Space | None = None

    def exclusive_at(self, history: History) -> bool:
        """Tell whether proposals are exclusive now: ``exclusive``, unless that changes in the course of a study."""
        return self.exclusive

    def cheap_variant(self) -> Sampler:
        """Return the sampler to use in place of this one while proposals are too slow: by default, this one.

        The study decides when: a sampler sees no clock.
        """
        return self

    @abstractmethod
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Propose up to n points.

        Args:
            history: what is known; must not be changed.
            space: where to search; the points are over its parameters, in its order.
            rng: the only source of randomness, ``default_rng([study_seed, number])``.
            n: how many points are wanted, at least 1: a batch, each point with those before it as running trials.

        Returns:
            Internal values of shape [m, d] (NaN where a parameter is inactive) and sampler states of shape [m], 0 where
            there is nothing to remember. m < n means that the space is exhausted, and the study stops.
        """

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str | None]:
        """Propose as ``ask`` does, and say which sampler proposed and why; this is what the study calls.

        Only a sampler that chooses among others overrides it.

        Args:
            history: as for ``ask``.
            space: as for ``ask``.
            rng: as for ``ask``.
            n: as for ``ask``.

        Returns:
            What ``ask`` returns, and the reason of a choice in words; None: there was no choice.
        """
        return *self.ask(history, space, rng, n), None


class InheritingSampler(Sampler):
    """A sampler whose trials may begin from the checkpoints of others, as in population-based training."""

    @abstractmethod
    def default_pruner(self) -> tuple[str, int]:
        """Return the name and the argument of the pruner that a study with this sampler has if none is named."""

    @abstractmethod
    def parent_of(self, state: int) -> int | None:
        """Return the number of the trial whose checkpoint a trial of this sampler state begins from; None: of none.

        Called for each proposal, before its trial starts.
        """

    @abstractmethod
    def parents(self, history: History) -> Collection[int]:
        """Return the trials whose checkpoints later ones may begin from; those of others are removed.

        Called whenever a trial has ended, and before checkpoints are removed to make room.
        """


def sampler_code(name: str) -> int:
    """Return the 15-bit code, from 1, of the sampler of this name in its states."""
    return crc32(name.encode()) % 32767 + 1


def encode_state(name: str, payload: int) -> int:
    """Return the sampler state of a trial: a payload of 48 bits below the code of the sampler.

    Args:
        payload: what it has to remember.

    Returns:
        A positive integer of 63 bits.

    Raises:
        ValueError: the payload does not fit.
    """
    if not 0 <= payload <= PAYLOAD_MASK:
        raise ValueError(f"a sampler state holds 0 to 2**{PAYLOAD_BITS} - 1; got {payload}")
    return (sampler_code(name) << PAYLOAD_BITS) | payload


def decode_states(states: SamplerStates, name: str) -> Ints:
    """Return the payloads of those states that the sampler of this name wrote.

    Args:
        states: sampler states [n], those of other samplers among them.

    Returns:
        The payloads [k], in order.
    """
    own: Ints = states[(states >> PAYLOAD_BITS) == sampler_code(name)]
    return np.bitwise_and(own, PAYLOAD_MASK)


# -- samplers whose state follows from the finished trials, one after the other ---------------------------------------
#
# The state is kept as long as the history lives, so that an ``ask`` adds only the new rows; made anew, it is the same.


class IncrementalState(Protocol):
    """A state that finished rows are added to."""

    @property
    def space(self) -> Space:
        """The space that is searched."""

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""


S = TypeVar("S", bound=IncrementalState)


class StatefulSampler(Sampler, Generic[S]):
    """Base of samplers with an `IncrementalState`, one for each history; a pickled sampler has none."""

    def __init__(self) -> None:
        self._states: WeakKeyDictionary[History, tuple[S, int]] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_states"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._states = WeakKeyDictionary()

    @abstractmethod
    def initial_state(self, space: Space, n_objectives: int) -> S:
        """Return the state before any trial is finished.

        Args:
            space: what is searched.
            n_objectives: the number of values of a trial.

        Returns:
            the state.
        """

    @contextmanager
    def _state_after(self, history: History, space: Space) -> Iterator[S]:
        """Give the state after all finished rows. One whose use was interrupted is dropped, and made anew next time."""
        kept = self._states.pop(history, None)
        if kept is None or (kept[0].space is not space and kept[0].space != space):
            kept = (self.initial_state(space, history.n_objectives), 0)
        state, rows = kept
        if rows < len(history):
            state.add_rows(history, rows, len(history))
        yield state
        self._states[history] = (state, len(history))


def space_fingerprint(space: Space, bits: int = 8) -> int:
    """Return a number that tells sampler states of this space from those of another one; two spaces may share it."""
    return crc32(space.signature.encode()) & ((1 << bits) - 1)


# -- arguments that a sampler of the same name has in another library: porting stays a change of import ---------------

C = TypeVar("C", bound=type)


def accepts_foreign_arguments(cls: C) -> C:
    """Decorate a sampler: its constructor also takes the keywords that a guide of the registry accepts for it."""
    own = cls.__init__  # type: ignore[misc]  # of this class, and of no other
    code = own.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @wraps(own)
    def init(self: Any, *args: Any, **options: Any) -> None:
        for name in [name for name in options if name not in known]:
            if registry.guide("argument")(cls.__name__, name, options[name]):
                del options[name]
        own(self, *args, **options)

    cls.__init__ = init  # type: ignore[misc]  # the same signature, for all who read it
    return cls
