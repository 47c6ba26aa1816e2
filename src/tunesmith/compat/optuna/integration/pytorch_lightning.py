"""Optuna's callback for PyTorch Lightning."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback

from tunesmith.caution import caution
from tunesmith.compat.optuna.integration.pruning import report
from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.torch_distributed import DistributedTrial
from tunesmith.text import listing

__all__ = ["PyTorchLightningPruningCallback"]


class PyTorchLightningPruningCallback(Callback):
    """Reports a metric after each validation of a `lightning.Trainer`, and prunes.

    `tunesmith.integrations.lightning` saves checkpoints as well, so that a trial can be paused and continued.

    Args:
        trial: the running trial; a ``TorchDistributedTrial`` where Lightning runs several processes.
        monitor: the name by which the module logs the metric.

    Attributes:
        monitor: the name of the metric.
    """

    def __init__(self, trial: Any, monitor: str) -> None:
        super().__init__()
        self._trial = trial
        self.monitor = monitor

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Refuse a trial that the other processes of the training do not know.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.

        Raises:
            RuntimeError: there are several processes, and one trial alone.
        """
        if trainer.world_size > 1 and not isinstance(self._trial, DistributedTrial):
            raise RuntimeError(
                f"Lightning trains in {trainer.world_size} processes: give PyTorchLightningPruningCallback a "
                "TorchDistributedTrial, so that all of them stop together"
            )

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Report the epoch.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.

        Raises:
            TrialPruned: the trial is to stop.
        """
        if trainer.sanity_checking:
            return
        value = trainer.callback_metrics.get(self.monitor)
        if value is None:
            names = [str(name) for name in trainer.callback_metrics]
            there = listing(names) if names else "nothing"
            caution(f"nothing was logged as {self.monitor!r} (logged: {there}), so nothing is reported")
            return
        report(self._trial, value.item(), pl_module.current_epoch)

    def check_pruned(self) -> None:
        """Do nothing: the training itself raises what ends a pruned trial, in all its processes."""


__getattr__ = refuser(__name__, __all__)
