"""Honest choice of a winner, and an honest score for it, from arrays of losses alone.

There are four ways to choose, by what is known: losses of single rows (`by_rows`), scores of folds or a model of them
(`by_folds`), or fresh runs (`by_reruns`). All return a `SelectionResult`. Nothing is run here.
"""

from __future__ import annotations

from tunesmith.selection.by_folds import select_by_folds, select_by_model
from tunesmith.selection.by_reruns import select_by_reruns
from tunesmith.selection.by_rows import select_by_rows
from tunesmith.selection.choice import Rule
from tunesmith.selection.losses import LossTable
from tunesmith.selection.report import Report
from tunesmith.selection.score import Estimate, HonestScore, SelectionResult

__all__ = [
    "Estimate",
    "HonestScore",
    "LossTable",
    "Report",
    "Rule",
    "SelectionResult",
    "select_by_folds",
    "select_by_model",
    "select_by_reruns",
    "select_by_rows",
]
