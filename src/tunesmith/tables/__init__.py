"""From a table to a tuned model: what columns and targets hold, how models read them, and the search for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.selection.leaderboard import Leaderboard
    from tunesmith.tables.code import model_code
    from tunesmith.tables.columns import TableColumns
    from tunesmith.tables.encode import Encode
    from tunesmith.tables.importances import Importances
    from tunesmith.tables.learning import LearningCurve
    from tunesmith.tables.model import TableClassifier, TableRegressor
    from tunesmith.tables.out_of_fold import OutOfFold
    from tunesmith.tables.report import TableResults
    from tunesmith.tables.rounds import EarlyStopped
    from tunesmith.tables.saved import TRUSTED_TYPES, load_model, save_model
    from tunesmith.tables.target import Target, read_target
    from tunesmith.tables.tune import TableTuner

__all__ = [
    "TRUSTED_TYPES",
    "EarlyStopped",
    "Encode",
    "Importances",
    "Leaderboard",
    "LearningCurve",
    "OutOfFold",
    "TableClassifier",
    "TableColumns",
    "TableRegressor",
    "TableResults",
    "TableTuner",
    "Target",
    "load_model",
    "model_code",
    "read_target",
    "save_model",
]

_HOMES = {
    "TRUSTED_TYPES": "tunesmith.tables.saved",
    "EarlyStopped": "tunesmith.tables.rounds",
    "Encode": "tunesmith.tables.encode",
    "Importances": "tunesmith.tables.importances",
    "Leaderboard": "tunesmith.selection.leaderboard",
    "LearningCurve": "tunesmith.tables.learning",
    "OutOfFold": "tunesmith.tables.out_of_fold",
    "TableClassifier": "tunesmith.tables.model",
    "TableColumns": "tunesmith.tables.columns",
    "TableRegressor": "tunesmith.tables.model",
    "TableResults": "tunesmith.tables.report",
    "TableTuner": "tunesmith.tables.tune",
    "Target": "tunesmith.tables.target",
    "load_model": "tunesmith.tables.saved",
    "model_code": "tunesmith.tables.code",
    "read_target": "tunesmith.tables.target",
    "save_model": "tunesmith.tables.saved",
}

__getattr__, __dir__ = lazy(__name__, _HOMES, "pip install scikit-learn")
