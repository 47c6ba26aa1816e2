"""Optuna's storages: this library's own (`base.py`) under the names of Optuna's kinds (`kinds.py`)."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.storages import journal
from tunesmith.compat.optuna.storages.kinds import (
    BaseStorage,
    InMemoryStorage,
    JournalFileStorage,
    JournalStorage,
    RDBStorage,
    RetryFailedTrialCallback,
    RetryHeartbeatStaleTrialCallback,
    fail_stale_trials,
    get_storage,
)
from tunesmith.compat.optuna.storages.kinds import OldOpenLock as JournalFileOpenLock
from tunesmith.compat.optuna.storages.kinds import OldSymlinkLock as JournalFileSymlinkLock

__all__ = [
    "BaseStorage",
    "InMemoryStorage",
    "JournalFileOpenLock",
    "JournalFileStorage",
    "JournalFileSymlinkLock",
    "JournalStorage",
    "RDBStorage",
    "RetryFailedTrialCallback",
    "RetryHeartbeatStaleTrialCallback",
    "fail_stale_trials",
    "get_storage",
    "journal",
]
_CachedStorage = RDBStorage  # what stands before a database in Optuna; other libraries ask whether a storage is one
__getattr__ = refuser(__name__, __all__)
