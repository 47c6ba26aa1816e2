"""From a table to a tuned model: what columns and targets hold, how models read them, and the search for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.tables.columns import TableColumns
    from tunesmith.tables.encode import Encode
    from tunesmith.tables.importances import Importances
    from tunesmith.tables.leaderboard import Leaderboard
    from tunesmith.tables.model import TableClassifier, TableRegressor
    from tunesmith.tables.rounds import EarlyStopped
    from tunesmith.tables.target import Target, read_target
    from tunesmith.tables.tune import TableTuner

__all__ = [
    "EarlyStopped",
    "Encode",
    "Importances",
    "Leaderboard",
    "TableClassifier",
    "TableColumns",
    "TableRegressor",
    "TableTuner",
    "Target",
    "read_target",
]

_HOMES = {
    "EarlyStopped": "tunesmith.tables.rounds",
    "Encode": "tunesmith.tables.encode",
    "Importances": "tunesmith.tables.importances",
    "Leaderboard": "tunesmith.tables.leaderboard",
    "TableClassifier": "tunesmith.tables.model",
    "TableColumns": "tunesmith.tables.columns",
    "TableRegressor": "tunesmith.tables.model",
    "TableTuner": "tunesmith.tables.tune",
    "Target": "tunesmith.tables.target",
    "read_target": "tunesmith.tables.target",
}

__getattr__, __dir__ = lazy(__name__, _HOMES, "pip install scikit-learn")
