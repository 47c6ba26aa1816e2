"""Optuna's callback for Weights & Biases: one run for the study, or one for each trial."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wandb

from tunesmith.compat.optuna.integration.metrics import named_values
from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.trackers import Tracker

__all__ = ["WeightsAndBiasesCallback"]


class WeightsAndBiasesCallback(Tracker):
    """Logs parameters and values of each trial, as a step of one run or as a run of its own.

    `tunesmith.integrations.wandb.WandbCallback` logs the reported values by step as well.

    Args:
        metric_name: what the objective's value is called; of several objectives a list, or a name that gets numbers.
        wandb_kwargs: arguments of ``wandb.init``.
        as_multirun: a run for each trial; False: one for all.

    Raises:
        TypeError: ``metric_name`` is neither a text nor a list of texts.
    """

    service = "Weights & Biases"

    def __init__(
        self,
        metric_name: str | Sequence[str] = "value",
        wandb_kwargs: Mapping[str, Any] | None = None,
        as_multirun: bool = False,
    ) -> None:
        super().__init__("value")
        named_values(metric_name, [])
        self._names, self._given, self._many = metric_name, dict(wandb_kwargs or {}), as_multirun
        if not as_multirun:
            wandb.init(**self._given)

    def log(self, study: Any, trial: Any) -> None:
        """Log a trial.

        Args:
            study: whose trial it is.
            trial: the finished trial.
        """
        metrics: dict[str, Any] = {**trial.params, **named_values(self._names, trial.values or [])}
        directions = {"direction": [direction.name for direction in study.directions]}
        run = wandb.run
        if not self._many:
            run = run or wandb.init(**self._given)
            run.log(metrics, step=trial.number)
            run.config.update(directions)
            return
        run = run or self._run_of(trial)
        run.log({**metrics, "trial_number": trial.number})
        run.config.update({**directions, **trial.params})
        run.tags = (*self._given.get("tags", ()), study.study_name)
        run.finish()

    def track_in_wandb(self) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        """Return a decorator of objectives: the run is open while they run, so that they can log to it."""

        def decorator(objective: Callable[[Any], Any]) -> Callable[[Any], Any]:
            @functools.wraps(objective)
            def tracked(trial: Any) -> Any:
                if wandb.run is None:
                    self._run_of(trial)
                return objective(trial)

            return tracked

        return decorator

    def _run_of(self, trial: Any) -> Any:
        run = wandb.init(**self._given)
        run.name = f"trial/{trial.number}/{run.name}"
        return run


__getattr__ = refuser(__name__, __all__)
