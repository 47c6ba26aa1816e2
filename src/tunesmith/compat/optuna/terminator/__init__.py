"""Optuna's ``terminator``: ends a search that has nothing left to gain, by this library's models.

Where there is no need of Optuna's names, ``study.optimize(..., stop="converged")`` does the same.
"""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.terminator.callback import TerminatorCallback
from tunesmith.compat.optuna.terminator.erroreval import (
    BaseErrorEvaluator,
    CrossValidationErrorEvaluator,
    StaticErrorEvaluator,
    report_cross_validation_scores,
)
from tunesmith.compat.optuna.terminator.improvement.emmr import EMMREvaluator
from tunesmith.compat.optuna.terminator.improvement.evaluator import (
    BaseImprovementEvaluator,
    BestValueStagnationEvaluator,
    RegretBoundEvaluator,
)
from tunesmith.compat.optuna.terminator.median_erroreval import MedianErrorEvaluator
from tunesmith.compat.optuna.terminator.terminator import BaseTerminator, Terminator

__all__ = [
    "BaseErrorEvaluator",
    "BaseImprovementEvaluator",
    "BaseTerminator",
    "BestValueStagnationEvaluator",
    "CrossValidationErrorEvaluator",
    "EMMREvaluator",
    "MedianErrorEvaluator",
    "RegretBoundEvaluator",
    "StaticErrorEvaluator",
    "Terminator",
    "TerminatorCallback",
    "report_cross_validation_scores",
]

__getattr__ = refuser(__name__, __all__)
