"""Which parameters mattered, how sure that is, and what pure noise would have shown.

`importance` gives a table with intervals and null lines, `get_param_importances` the values alone. Each evaluator is a
file here; its contract is in `base.py`, and the evaluators are found by name in the registry.
"""

from __future__ import annotations

from tunesmith.importance.ablation import Ablation
from tunesmith.importance.base import Change, Effects, Evaluator, Importance, ImportanceData, ImportanceRow
from tunesmith.importance.evaluate import get_param_importances, importance
from tunesmith.importance.fanova import Fanova
from tunesmith.importance.ped_anova import PedAnova
from tunesmith.importance.shapley import Shapley

__all__ = [
    "Ablation",
    "Change",
    "Effects",
    "Evaluator",
    "Fanova",
    "Importance",
    "ImportanceData",
    "ImportanceRow",
    "PedAnova",
    "Shapley",
    "get_param_importances",
    "importance",
]
