"""Keras 3: a callback that reports epochs, prunes and saves checkpoints, with any backend."""

from __future__ import annotations

import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tunesmith.integrations.epochs import EpochsCallback
from tunesmith.trial import Trial
from tunesmith.trial.epochs import random_state, restore_random

KERAS_FILE = "keras.pickle"


class TunesmithCallback(EpochsCallback, keras.callbacks.Callback):
    """Reports a metric of ``model.fit`` after each epoch, prunes, and saves checkpoints.

    The step of a report is the number of epochs that are done. All metrics of the logs are logged besides, as with
    ``trial.log``. With each report but that of the last epoch, the
    variables of the model and of its optimiser and the states of the random numbers are saved to
    ``trial.checkpoint_dir``. Give ``initial_epoch`` to ``fit``, and a training that was paused or killed goes on.

    Put it last in the list of callbacks.

    Args:
        trial: the running trial.
        monitor: the name of the metric in the logs.
        checkpoint: whether checkpoints are saved.
        checkpoint_every: with each so many reports, or when a time such as "10 min" is over since the last one; and
            when the trial is told to stop or to pause.
        cost: what lies between two reports costs, in a unit of your own; None: the seconds are measured.

    Attributes:
        trial: the running trial.
        monitor: the name of the metric.

    Raises:
        ValueError: the logs have no such metric; the message has the names that they have. Or the model is another one
            than that which was saved, or ``initial_epoch`` was not given to ``fit``.
        TrialPruned: the trial is to stop or to pause; out of ``model.fit``, so leave it to the study.
    """

    def __init__(
        self,
        trial: Trial,
        monitor: str = "val_loss",
        *,
        checkpoint: bool = True,
        checkpoint_every: int | str = 1,
        cost: float | None = None,
    ) -> None:
        super().__init__()
        self._begin(trial, monitor, checkpoint, checkpoint_every, cost)
        self._kept: dict[str, Any] | None = None

    @property
    def initial_epoch(self) -> int:
        """What ``model.fit(initial_epoch=)`` begins with; 0: the training begins anew."""
        if self._kept is None and self.trial.resumed_from_step is not None:
            path = self.trial.checkpoint_dir / KERAS_FILE
            if path.exists():
                with open(path, "rb") as file:
                    self._kept = pickle.load(file)
        return 0 if self._kept is None else int(self._kept["epoch"])

    # -- what Keras calls ----------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model what was saved.

        Args:
            logs: not used.

        Raises:
            ValueError: the model is another one than that which was saved.
        """
        if self.initial_epoch == 0 or self._kept is None:
            return
        if self.model.optimizer is not None and not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        _assign(self._variables(), self._kept["variables"])
        restore_random(self._kept["random"])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check that the training goes on where it was.

        Args:
            epoch: the number of the epoch, from 0.
            logs: not used.

        Raises:
            ValueError: ``initial_epoch`` was not given to ``fit``.
        """
        if epoch < self.initial_epoch:
            raise ValueError(
                f"TunesmithCallback: the trial goes on after {self.initial_epoch} epochs, and fit begins with epoch "
                f"{epoch}; call model.fit(..., initial_epoch=callback.initial_epoch)"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, report, and stop where the pruner says so.

        Args:
            epoch: the number of the epoch, from 0.
            logs: the metrics.

        Raises:
            ValueError: the logs have no such metric.
            TrialPruned: the trial is to stop, or to pause.
        """
        metrics = logs or {}
        self._log(metrics, epoch + 1)
        if self.monitor not in metrics:
            if not self.monitor.startswith("val_") or any(name.startswith("val_") for name in metrics):
                raise self._has_none(metrics)
            return  # no validation after this epoch
        ends = self.model.stop_training or epoch + 1 >= self.params["epochs"]
        saves = self._saves and not ends  # after the last one there is nothing to go on with: see trial.epochs
        save = partial(self._save, epoch + 1) if saves else None
        self._report(float(metrics[self.monitor]), epoch + 1, save)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Complain if there was never anything to report.

        Args:
            logs: the metrics.

        Raises:
            ValueError: the logs never had the metric.
        """
        if not self._reported and self.initial_epoch == 0:
            raise self._has_none(logs or {})

    # -- the parts -----------------------------------------------------------------------------------------------

    def _variables(self) -> list[Any]:
        """Return what is saved: metrics begin anew in each epoch; what dropout draws from is a variable as well."""
        metrics = {id(variable) for variable in self.model.metrics_variables}
        own = [variable for variable in self.model.variables if id(variable) not in metrics]
        return own + (list(self.model.optimizer.variables) if self.model.optimizer is not None else [])

    def _save(self, epoch: int) -> None:
        path = Path(self.trial.checkpoint_dir) / KERAS_FILE
        part = path.with_name(KERAS_FILE + ".part")
        kept = {
            "epoch": epoch,
            "variables": [keras.ops.convert_to_numpy(variable) for variable in self._variables()],
            "random": random_state(),
        }
        with open(part, "wb") as file:
            pickle.dump(kept, file, protocol=5)
        os.replace(part, path)

    def _has_none(self, metrics: dict[str, Any]) -> ValueError:
        return self._missing(
            "the logs have no",
            "there is",
            metrics,
            "give fit validation_data, compile the model with the metric, or name another monitor=",
        )


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    """Set variables to what was saved; an error, and nothing is set, if they are others."""
    if len(variables) != len(values):
        what = f"{len(variables)} variables, and {len(values)} were saved"
        raise ValueError(f"TunesmithCallback: the model has {what}; build the same model in each run of a trial")
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != value.shape:
            what = f"a variable {variable.path!r} of shape {tuple(variable.shape)}, and one of {value.shape} was saved"
            raise ValueError(f"TunesmithCallback: the model has {what}; build the same model in each run of a trial")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
