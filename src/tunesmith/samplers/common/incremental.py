"""Samplers whose state is what the finished trials lead to, taken in one after the other.

Such a sampler is a fold over the rows of the history: a state at the start, and a step for each row. The state is kept
as long as the history lives, so that an ``ask`` takes in only what is new; made anew, it is the same.
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


class Fold(Protocol):
    """A state that takes in rows."""

    @property
    def space(self) -> Space:
        """The space that it searches."""

    def take(self, history: History, first: int, last: int) -> None:
        """Take in the finished rows first … last - 1."""


S = TypeVar("S", bound=Fold)


class Replayed(Sampler, Generic[S]):
    """Base of samplers whose state is a :class:`Fold`. Keeps one for each history, and none when it is pickled."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[History, tuple[S, int]] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._kept = WeakKeyDictionary()

    @abstractmethod
    def begin(self, space: Space, n_objectives: int) -> S:
        """Return the state before any trial is finished."""

    @contextmanager
    def _replayed(self, history: History, space: Space) -> Iterator[S]:
        """The state after all finished rows. If it is interrupted halfway, it is forgotten and made anew next time."""
        kept = self._kept.pop(history, None)
        if kept is None or (kept[0].space is not space and kept[0].space != space):
            kept = (self.begin(space, history.n_objectives), 0)
        state, rows = kept
        if rows < len(history):
            state.take(history, rows, len(history))
        yield state
        self._kept[history] = (state, len(history))


def mark_of(space: Space, bits: int = 8) -> int:
    """Return a number that tells sampler states of this space from those of another one (it may collide)."""
    return crc32(space.signature.encode()) & ((1 << bits) - 1)
