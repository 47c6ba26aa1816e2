"""Optuna's trials: running (`running.py`), past and fixed ones (`frozen.py`)."""

from __future__ import annotations

from tunesmith.compat.optuna.base_trial import BaseTrial
from tunesmith.compat.optuna.frozen import FixedTrial, FrozenTrial, create_trial
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.running import Trial
from tunesmith.compat.optuna.trial_state import TrialState

__all__ = ["BaseTrial", "FixedTrial", "FrozenTrial", "Trial", "TrialState", "create_trial"]
__getattr__ = refuser(__name__, __all__)
lead_here(__name__)
