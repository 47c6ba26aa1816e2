"""Optuna's exceptions by this library's own: an ``except`` clause for the one catches the other."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.errors import DuplicatedStudyError, TrialPruned
from tunesmith.errors import StorageError as StorageInternalError
from tunesmith.errors import TrialFinishedError as UpdateFinishedTrialError
from tunesmith.errors import TunesmithError as OptunaError

__all__ = [
    "CLIUsageError",
    "DuplicatedStudyError",
    "ExperimentalWarning",
    "OptunaError",
    "StorageInternalError",
    "TrialPruned",
    "UpdateFinishedTrialError",
]


class CLIUsageError(OptunaError):
    """Never raised here; kept for programs that name it."""


class ExperimentalWarning(Warning):
    """Never warned of here; kept for programs that silence it."""


__getattr__ = refuser(__name__, __all__)
