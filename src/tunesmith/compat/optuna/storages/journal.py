"""Optuna's module of journals: a journal in a file is an SQLite file here."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.storages.kinds import (
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
    JournalStorage,
)

__all__ = ["JournalFileBackend", "JournalFileOpenLock", "JournalFileSymlinkLock", "JournalStorage"]
__getattr__ = refuser(__name__, __all__)
