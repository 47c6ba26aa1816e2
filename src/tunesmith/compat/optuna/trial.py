"""Optuna's trials: running (`running.py`), past and fixed ones (`frozen.py`)."""

from __future__ import annotations

from tunesmith.compat.optuna.frozen import BaseTrial, FixedTrial, FrozenTrial, create_trial
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.running import Trial
from tunesmith.compat.optuna.states import TrialState

__all__ = ["BaseTrial", "FixedTrial", "FrozenTrial", "Trial", "TrialState", "create_trial"]
__getattr__ = refuser(__name__, __all__)
