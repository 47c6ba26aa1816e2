"""Optuna's callbacks for Keras: that for Keras 3, and that for ``tf.keras``, which is the same today."""

from __future__ import annotations

from typing import Any

import keras

from tunesmith.caution import caution
from tunesmith.compat.optuna.integration.pruning import report
from tunesmith.compat.optuna.names import refuser
from tunesmith.text import listing

__all__ = ["KerasPruningCallback"]


class KerasPruningCallback(keras.callbacks.Callback):
    """Reports a metric of ``model.fit`` after each epoch, and prunes; `tunesmith.integrations.keras` saves as well.

    Args:
        trial: the running trial.
        monitor: the name of the metric in the logs.
        interval: report each so many epochs.
    """

    def __init__(self, trial: Any, monitor: str, interval: int = 1) -> None:
        super().__init__()
        self._trial, self._monitor, self._interval = trial, monitor, interval

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch.

        Args:
            epoch: from 0.
            logs: the metrics.

        Raises:
            TrialPruned: the trial is to stop.
        """
        if (epoch + 1) % self._interval:
            return
        found = logs or {}
        if found.get(self._monitor) is None:
            there = listing(found) if found else "nothing"
            caution(f"the logs have no metric {self._monitor!r} (there is: {there}), so nothing is reported")
            return
        report(self._trial, found[self._monitor], epoch)


__getattr__ = refuser(__name__, __all__)
