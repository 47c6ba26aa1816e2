"""Optuna's callback for TensorBoard, on `tunesmith.integrations.tensorboard`: no TensorFlow is needed."""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.tensorboard import TensorBoardCallback as Ours

__all__ = ["TensorBoardCallback"]


class TensorBoardCallback(Ours):
    """Logs each trial's parameters and value for TensorBoard's HParams tab, in a folder of its own.

    Args:
        dirname: what ``tensorboard --logdir`` is given.
        metric_name: what the objective's value is called.
    """

    def __init__(self, dirname: str, metric_name: str) -> None:
        super().__init__(dirname, metric=metric_name)

    def log(self, study: Any, trial: Any) -> None:
        """Log a trial.

        Args:
            study: whose trial it is.
            trial: the finished trial.
        """
        (record,) = study.native.engine.trials([trial.number])
        super().log(study.native, record)


__getattr__ = refuser(__name__, __all__)
