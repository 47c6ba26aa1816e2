"""Optuna's callback for skorch; skorch is needed when it is first asked for."""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna.integration.pruning import needed, report
from tunesmith.compat.optuna.names import refusal

__all__ = ["SkorchPruningCallback"]  # noqa: F822  # made when it is first asked for


def _made() -> type[Any]:
    try:
        from skorch.callbacks import Callback
    except ImportError as error:
        raise needed("SkorchPruningCallback", "skorch", error) from error

    class SkorchPruningCallback(Callback):
        """Reports a metric of skorch's history after each epoch, and prunes.

        Args:
            trial: the running trial.
            monitor: the name of the metric in the history.
        """

        def __init__(self, trial: Any, monitor: str) -> None:
            super().__init__()
            self._trial, self._monitor = trial, monitor

        def on_epoch_end(self, net: Any, **data: Any) -> None:
            """Report the epoch.

            Args:
                net: the net that is trained.
                **data: what skorch tells besides.

            Raises:
                TrialPruned: the trial is to stop.
            """
            if net.history:
                report(self._trial, net.history[-1, self._monitor], len(net.history) - 1)

    return SkorchPruningCallback


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise refusal(__name__, name, __all__)
    value = globals()[name] = _made()
    return value
