"""Samplers whose state follows from the finished trials, one after the other.

The state is kept as long as the history lives, so that an ``ask`` adds only the new rows; made anew, it is the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

from tunesmith.history import History
from tunesmith.samplers.base import Sampler
from tunesmith.space import Space


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
