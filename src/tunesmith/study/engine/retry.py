"""Waits for a storage that is away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tunesmith.errors import StorageUnavailableError

T = TypeVar("T")

PATIENCE = 30.0  # seconds for which a storage that is away is waited for
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two tries


def retry_while_unavailable(call: Callable[[], T], error: StorageUnavailableError | None = None) -> T:
    """Return what a call returns; while the storage is away it is made again, for some half a minute.

    Args:
        call: uses the storage.
        error: that of a first call, which was made already.

    Raises:
        StorageUnavailableError: the storage is away for longer.
    """
    end, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
    while True:
        if error is not None:
            if time.monotonic() + pause > end:
                raise error
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)
        try:
            return call()
        except StorageUnavailableError as again:
            error = again
