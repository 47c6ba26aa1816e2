"""What callbacks of Ray Tune get to see: a `Trial`, and its results as they come."""

from __future__ import annotations

from collections.abc import Callable as Function
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.compat.ray.names import refuser


@dataclass
class Trial:
    """What callbacks and ``trial_name_creator`` know of a trial.

    Attributes:
        trial_id: its name, unique in the experiment.
        trainable_name: the name of what it runs.
        config: its config.
        experiment_dir: the experiment's folder.
        namer: makes its name.
        dirnamer: makes the name of its folder.
        last_result: what it reported last.
        status: "RUNNING", "TERMINATED" or "ERROR".
    """

    trial_id: str
    trainable_name: str
    config: dict[str, Any]
    experiment_dir: Path
    namer: Function[[Trial], str] | None = None
    dirnamer: Function[[Trial], str] | None = None
    last_result: dict[str, Any] = field(default_factory=dict)
    status: str = "RUNNING"

    @property
    def path(self) -> str:
        """Its folder."""
        return str(self.experiment_dir / (self.dirnamer(self) if self.dirnamer else self._own_name()))

    local_path = path

    def _own_name(self) -> str:
        return f"{self.trainable_name}_{self.trial_id}"

    def __str__(self) -> str:
        return self.namer(self) if self.namer else self._own_name()


class Callback:
    """Hears of trials. Its methods are called one at a time, in the thread of the trial."""

    def setup(self, **info: Any) -> None:
        """Called before the first trial."""

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Called when a trial begins."""

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Called after each report; what it sets in the result is kept."""

    def on_checkpoint(self, iteration: int, trials: list[Trial], trial: Trial, checkpoint: Any, **info: Any) -> None:
        """Called after a checkpoint was saved."""

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Called after a checkpoint was saved."""

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Called when a trial ended, also early."""

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Called when a trial failed."""

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Called after the last trial."""


class LoggerCallback(Callback):
    """A callback with Ray's names for loggers."""

    def log_trial_start(self, trial: Trial) -> None:
        """Called when a trial begins."""

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Called after each report."""

    def log_trial_save(self, trial: Trial) -> None:
        """Called after a checkpoint was saved."""

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """Called when a trial ended."""

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.log_trial_start(trial)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        self.log_trial_result(iteration, trial, result)

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.log_trial_save(trial)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.log_trial_end(trial, failed=False)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.log_trial_end(trial, failed=True)


__getattr__ = refuser(__name__)
