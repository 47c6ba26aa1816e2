"""The last value that was computed for some key: what a sampler or pruner may keep between calls, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """Keeps one value. A pickled or copied cache is empty."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[object, ...], T] | None = None

    def get(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """Return the kept value if it belongs to the key, else a new one, which is kept.

        Args:
            key: what the value is a function of. A history only grows, so a history and its length say which rows.
            make: computes the value.
        """
        kept = self._kept
        if kept is None or kept[0] != key:
            kept = self._kept = (key, make())
        return kept[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return Cache, ()
