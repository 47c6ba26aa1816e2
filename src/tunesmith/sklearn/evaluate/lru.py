"""A dictionary bounded in bytes, safe among threads, whose values are made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class ByteLRU(Generic[K, T]):
    """Keeps values up to a number of bytes and drops those used longest ago.

    Threads that ask for the same key wait for the one that makes it.

    Args:
        limit: how many bytes the values may hold together.
        size: the bytes of a value, or None if it must not be kept.
    """

    def __init__(self, limit: int, size: Callable[[T], int | None]) -> None:
        self.limit = limit
        self.held = 0
        self._size = size
        self._values: OrderedDict[K, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[K, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> T | None:
        """Return the value kept under the key, if any."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def make(self, key: K, build: Callable[[], T], spare: Callable[[K], bool] | None = None) -> tuple[T, bool]:
        """Return the value under the key, built if it is not there, and whether it is kept for others.

        Args:
            key: what to look up.
            build: makes the value.
            spare: whether a kept key must stay. A value that does not fit beside those that must is returned and
                not kept: walking round and round over more values than fit would otherwise never find one.
        """
        found = self.get(key)
        if found is not None:
            return found, True
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                found = self.get(key)
                if found is not None:
                    return found, True
                value = build()
                return value, self._keep(key, value, spare)
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _keep(self, key: K, value: T, spare: Callable[[K], bool] | None) -> bool:
        size = self._size(value)
        if size is None or size > self.limit:
            return False
        with self._lock:
            for old in [k for k in self._values if spare is None or not spare(k)]:
                if self.held + size <= self.limit:
                    break
                self.held -= self._values.pop(old)[1]
            if self.held + size > self.limit:
                return False
            self._values[key] = (value, size)
            self.held += size
            return True
