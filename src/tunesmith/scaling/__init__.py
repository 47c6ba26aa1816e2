"""Hyperparameters of large runs from small ones: power laws of the optimum, with intervals that cover."""

from __future__ import annotations

from tunesmith.errors import ScalingError
from tunesmith.scaling.calibration import Calibration, Fold
from tunesmith.scaling.law import Advice, Region, ScalingLaw, Setting
from tunesmith.scaling.loss import LossLaw
from tunesmith.scaling.plan import Plan, Purchase
from tunesmith.scaling.transfer import Transfer
from tunesmith.scaling.trend import PUBLISHED

__all__ = [
    "PUBLISHED",
    "Advice",
    "Calibration",
    "Fold",
    "LossLaw",
    "Plan",
    "Purchase",
    "Region",
    "ScalingError",
    "ScalingLaw",
    "Setting",
    "Transfer",
]
