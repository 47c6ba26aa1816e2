"""Signs of life of this process, given by a thread for as long as a storage is in use."""

from __future__ import annotations

import os
import threading
import weakref

from tunesmith.errors import StorageError
from tunesmith.storage.base import Storage

_AGAIN = 1.0  # seconds after which a sign is tried again that the storage did not take

_hearts: weakref.WeakKeyDictionary[Storage, tuple[int, str]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def keep_beating(storage: Storage, worker: str) -> None:
    """Give a first sign of life, and more of them from a thread of its own, unless this was called before.

    Args:
        storage: where; one that no other process shares needs none.
        worker: the name of this process.

    Raises:
        StorageError: the storage does not take the first one.
    """
    if not storage.shared or _hearts.get(storage) == (os.getpid(), worker):
        return
    with _lock:
        if _hearts.get(storage) == (os.getpid(), worker):
            return
        storage.beat(worker)
        _hearts[storage] = (os.getpid(), worker)
    name = f"tunesmith-heart-{worker.partition(':')[0]}"
    threading.Thread(target=_beat, args=(weakref.ref(storage), worker), name=name, daemon=True).start()


def _beat(found: weakref.ref[Storage], worker: str) -> None:
    """Beat until the storage is gone."""
    pause = threading.Event()  # never set: it waits without the signals that time.sleep would see
    storage = found()
    while storage is not None:
        seconds = storage.lease.beat
        del storage
        pause.wait(seconds)
        if (storage := found()) is None:
            return
        try:
            storage.beat(worker)
        except StorageError:  # it is away: the next one comes soon, for others may count the seconds
            del storage
            pause.wait(min(_AGAIN, seconds))
            storage = found()
