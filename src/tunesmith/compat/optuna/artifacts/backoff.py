"""`Backoff`: a store that tries again when the store behind it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from tunesmith.caution import caution
from tunesmith.compat.optuna.artifacts.exceptions import ArtifactNotFound
from tunesmith.compat.optuna.artifacts.stores import ArtifactStore
from tunesmith.text import name_and_message, shown

T = TypeVar("T")


class Backoff:
    """Tries again what fails in another store, after longer and longer waits. A missing artifact is no failure.

    Args:
        backend: the other store.
        max_retries: how often each thing is tried.
        multiplier: each wait is that many times the one before.
        min_delay: the first wait, in seconds.
        max_delay: the longest wait, in seconds.

    Raises:
        ValueError: one of the numbers is not above 0, or ``max_delay`` is not above ``min_delay``.
    """

    def __init__(
        self,
        backend: ArtifactStore,
        *,
        max_retries: int = 10,
        multiplier: float = 2,
        min_delay: float = 0.1,
        max_delay: float = 30,
    ) -> None:
        if not (max_retries > 0 and multiplier > 0 and 0 < min_delay < max_delay):
            given: dict[str, Any] = {"max_retries": max_retries, "multiplier": multiplier}
            given |= {"min_delay": min_delay, "max_delay": max_delay}
            raise ValueError(f"Backoff takes numbers above 0, with min_delay < max_delay; got {shown(given)}")
        self._store = backend
        self._times, self._factor, self._first, self._longest = max_retries, multiplier, min_delay, max_delay

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact to be read.

        Raises:
            ArtifactNotFound: there is none with that id.
        """
        return self._tried(lambda: self._store.open_reader(artifact_id), f"opened {artifact_id}")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep an artifact.

        Args:
            artifact_id: under which it is kept.
            content_body: is read from where it stands now, each time.
        """
        start = content_body.tell()

        def write() -> None:
            content_body.seek(start)
            self._store.write(artifact_id, content_body)

        self._tried(write, f"written {artifact_id}")

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact.

        Raises:
            ArtifactNotFound: there is none with that id.
        """
        self._tried(lambda: self._store.remove(artifact_id), f"removed {artifact_id}")

    def _tried(self, what: Callable[[], T], words: str) -> T:
        for i in range(self._times - 1):
            try:
                return what()
            except ArtifactNotFound:
                raise
            except Exception as error:  # whatever the store's own library raises
                caution(f"the store of artifacts has not {words}, and is tried again: {name_and_message(error)}")
            time.sleep(min(self._first * self._factor**i, self._longest))
        return what()
