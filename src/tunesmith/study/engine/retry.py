"""Retries while a storage is away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tunesmith.errors import StorageUnavailableError

T = TypeVar("T")

PATIENCE = 30.0  # seconds of retries
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two tries


def retry_while_unavailable(
    call: Callable[[], T], error: StorageUnavailableError | None = None, patience: float | None = None
) -> T:
    """Return the result of a call, retried while the storage is away.

    Args:
        call: uses the storage.
        error: of a first call that was made already.
        patience: seconds of retries; None: PATIENCE.

    Raises:
        StorageUnavailableError: the storage stays away.
    """
    if error is None:
        try:
            return call()
        except StorageUnavailableError as first:
            error = first
    end, pause = time.monotonic() + (PATIENCE if patience is None else patience), FIRST_PAUSE
    while time.monotonic() + pause <= end:
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE)
        try:
            return call()
        except StorageUnavailableError as again:
            error = again
    raise error
