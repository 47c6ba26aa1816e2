"""Optuna's callback for fastai 2; fastai is needed when it is first asked for."""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna.integration.pruning import needed
from tunesmith.compat.optuna.names import refusal
from tunesmith.errors import TrialPruned

__all__ = ["FastAIPruningCallback", "FastAIV2PruningCallback"]  # noqa: F822  # made when first asked for


def _made() -> type[Any]:
    try:
        from fastai.callback.core import CancelFitException
        from fastai.callback.tracker import TrackerCallback
    except ImportError as error:
        raise needed("FastAIV2PruningCallback", "fastai", error) from error

    class FastAIV2PruningCallback(TrackerCallback):
        """Reports a metric of fastai's recorder after each epoch, and ends the training; it prunes after the fit.

        Args:
            trial: the running trial.
            monitor: the name of the metric.
        """

        def __init__(self, trial: Any, monitor: str = "valid_loss") -> None:
            super().__init__(monitor=monitor)
            self.trial = trial

        def after_epoch(self) -> None:
            """Report the epoch; fastai ends the fit at its own exception."""
            super().after_epoch()
            self.trial.report(float(self.recorder.final_record[self.idx]), step=self.epoch)
            if self.trial.should_prune():
                raise CancelFitException

        def after_fit(self) -> None:
            """Prune.

            Raises:
                TrialPruned: the trial is to stop.
            """
            super().after_fit()
            if self.trial.should_prune():
                raise TrialPruned(f"Trial was pruned at epoch {self.epoch}.")

    return FastAIV2PruningCallback


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise refusal(__name__, name, __all__)
    for one in __all__:
        globals()[one] = globals().get(one) or _made()
    globals()["FastAIPruningCallback"] = globals()["FastAIV2PruningCallback"]
    return globals()[name]
