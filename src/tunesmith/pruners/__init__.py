"""Pruners: which running trials to stop.

``base.py`` is the contract, and each other file is one pruner. They are found by class name, and imported when they are
first used. A new pruner is one file and one line in ``foundation/registry.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation import registry
from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.pruners.auto import AutoPruner
    from tunesmith.pruners.base import Decision, Pruner
    from tunesmith.pruners.hyperband import HyperbandPruner
    from tunesmith.pruners.interval import IntervalPruner
    from tunesmith.pruners.learning_curve import LearningCurvePruner
    from tunesmith.pruners.median import MedianPruner
    from tunesmith.pruners.nop import NopPruner
    from tunesmith.pruners.patient import PatientPruner
    from tunesmith.pruners.percentile import PercentilePruner
    from tunesmith.pruners.successive_halving import SuccessiveHalvingPruner
    from tunesmith.pruners.threshold import ThresholdPruner
    from tunesmith.pruners.wilcoxon import WilcoxonPruner

__all__ = [
    "AutoPruner",
    "Decision",
    "HyperbandPruner",
    "IntervalPruner",
    "LearningCurvePruner",
    "MedianPruner",
    "NopPruner",
    "PatientPruner",
    "PercentilePruner",
    "Pruner",
    "SuccessiveHalvingPruner",
    "ThresholdPruner",
    "WilcoxonPruner",
]

_TARGETS = {t.partition(":")[2]: t.partition(":")[0] for t in registry.PRUNERS.values()}
_TARGETS |= dict.fromkeys(("Decision", "Pruner"), "tunesmith.pruners.base")

__getattr__, __dir__ = lazy(__name__, _TARGETS)
