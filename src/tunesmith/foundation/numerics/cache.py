"""Values that were computed for some key: what a sampler or pruner may keep between calls, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

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


class FitCache:
    """What was fitted, by the data it was fitted to; the oldest fit makes room for a new one."""

    size: ClassVar[int] = 64

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}

    def get(self, data: tuple[object, ...], make: Callable[[], T]) -> T:
        """Return what was made of these data."""
        key = hash(data)
        if key not in self._kept:
            made = make()
            if len(self._kept) >= self.size:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        found: T = self._kept[key]
        return found
