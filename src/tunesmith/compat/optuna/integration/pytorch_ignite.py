"""Optuna's handler for PyTorch Ignite."""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna.integration.pruning import report
from tunesmith.compat.optuna.names import refuser

__all__ = ["PyTorchIgnitePruningHandler"]


class PyTorchIgnitePruningHandler:
    """Reports a metric of an evaluator when it is called, and prunes: ``evaluator.add_event_handler(..., handler)``.

    Args:
        trial: the running trial.
        metric: its name in the state of the evaluator.
        trainer: the engine that trains, whose epoch is the step.
    """

    def __init__(self, trial: Any, metric: str, trainer: Any) -> None:
        self._trial, self._metric, self._trainer = trial, metric, trainer

    def __call__(self, engine: Any) -> None:
        """Report the epoch.

        Args:
            engine: the evaluator.

        Raises:
            TrialPruned: the trial is to stop.
        """
        report(self._trial, engine.state.metrics[self._metric], self._trainer.state.epoch)


__getattr__ = refuser(__name__, __all__)
