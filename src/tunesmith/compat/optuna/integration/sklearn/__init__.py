"""Optuna's search for scikit-learn's estimators."""

from __future__ import annotations

from tunesmith.compat.optuna.integration.sklearn.search import OptunaSearchCV
from tunesmith.compat.optuna.names import refuser

__all__ = ["OptunaSearchCV"]

__getattr__ = refuser(__name__, __all__)
