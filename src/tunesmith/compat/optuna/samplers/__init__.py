"""Optuna's samplers: most are this library's own (`native.py`); programs subclass `base.py` to propose themselves."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.samplers import nsgaii
from tunesmith.compat.optuna.samplers.base import BaseSampler, _process_constraints_after_trial  # noqa: F401 - other libraries' samplers import it
from tunesmith.compat.optuna.samplers.brute_force import BruteForceSampler
from tunesmith.compat.optuna.samplers.genetic import NSGAIIISampler, NSGAIISampler
from tunesmith.compat.optuna.samplers.model_based import (
    AutoSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from tunesmith.compat.optuna.samplers.partial_fixed import PartialFixedSampler

__all__ = [
    "AutoSampler",
    "BaseSampler",
    "BruteForceSampler",
    "CmaEsSampler",
    "GPSampler",
    "GridSampler",
    "NSGAIIISampler",
    "NSGAIISampler",
    "PartialFixedSampler",
    "QMCSampler",
    "RandomSampler",
    "TPESampler",
    "nsgaii",
]
__getattr__ = refuser(__name__, __all__)
lead_here(__name__)
