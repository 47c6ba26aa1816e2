"""Hyperparameters of large runs from small ones: power laws of the optimum, with intervals that cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.errors import ScalingError
from tunesmith.foundation.lazy import lazy
from tunesmith.scaling.calibration import Calibration, Fold
from tunesmith.scaling.law import Advice, Region, ScalingLaw, Setting
from tunesmith.scaling.loss import LossLaw
from tunesmith.scaling.plan import Plan, Purchase
from tunesmith.scaling.transfer import Transfer
from tunesmith.scaling.trend import PUBLISHED

if TYPE_CHECKING:
    from tunesmith.scaling.report import ScalingResults

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
    "ScalingResults",
    "Setting",
    "Transfer",
]

__getattr__, __dir__ = lazy(__name__, {"ScalingResults": "tunesmith.scaling.report"})
