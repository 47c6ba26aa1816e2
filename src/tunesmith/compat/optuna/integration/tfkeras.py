"""Optuna's callback for ``tf.keras``, which is Keras 3 since TensorFlow 2.16."""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna.integration.keras import KerasPruningCallback
from tunesmith.compat.optuna.names import refuser

__all__ = ["TFKerasPruningCallback"]


class TFKerasPruningCallback(KerasPruningCallback):
    """Reports a metric of ``model.fit`` after each epoch, and prunes.

    Args:
        trial: the running trial.
        monitor: the name of the metric in the logs.
    """

    def __init__(self, trial: Any, monitor: str) -> None:
        super().__init__(trial, monitor)


__getattr__ = refuser(__name__, __all__)
