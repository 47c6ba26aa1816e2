"""Optuna's pruners: this library's own under Optuna's names, and `BasePruner` to subclass."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.pruners.base import BasePruner
from tunesmith.compat.optuna.pruners.native import (
    AutoPruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)

__all__ = [
    "AutoPruner",
    "BasePruner",
    "HyperbandPruner",
    "MedianPruner",
    "NopPruner",
    "PatientPruner",
    "PercentilePruner",
    "SuccessiveHalvingPruner",
    "ThresholdPruner",
    "WilcoxonPruner",
]
__getattr__ = refuser(__name__, __all__)
lead_here(__name__)
