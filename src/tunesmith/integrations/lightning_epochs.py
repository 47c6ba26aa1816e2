"""What the callbacks for the two packages of PyTorch Lightning have in common: one report an epoch, and checkpoints."""

from __future__ import annotations

import copy
import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tunesmith.foundation.arguments import checked
from tunesmith.integrations.epochs import EpochsCallback, refuse_many_processes
from tunesmith.integrations.torch_distributed import DistributedTrial
from tunesmith.trial import Trial
from tunesmith.trial.epochs import random_state, restore_random

LIGHTNING_FILE = "lightning.ckpt"


class LightningEpochs(EpochsCallback):
    """Reports the monitored metric of a running trial after each epoch, prunes, and saves checkpoints.

    Args:
        trial: the running trial; a `tunesmith.integrations.torch_distributed.DistributedTrial` where Lightning runs
            several processes.
        monitor: the name by which the module logs the metric.
        checkpoint: whether checkpoints are saved.
        checkpoint_every: with each so many reports, or when a time such as "10 min" is over since the last one; and
            when the trial is told to stop or to pause.
        cost: what lies between two reports costs, in a unit of your own; None: the seconds are measured.

    Attributes:
        trial: the running trial.
        monitor: the name of the metric.
    """

    @checked()
    def __init__(
        self,
        trial: Trial | DistributedTrial,
        monitor: str = "val_loss",
        *,
        checkpoint: bool = True,
        checkpoint_every: int | str = 1,
        cost: float | None = None,
    ) -> None:
        self._begin(trial, monitor, checkpoint, checkpoint_every, cost)
        self._random: dict[str, Any] | None = None
        self._validated = False  # since the epoch began
        self._of_validation: bool | None = None  # whether validation logs the metric; None: not known yet
        self._done: int | None = None  # the epoch that is to be reported
        self._loops: dict[str, Any] | None = None  # where Lightning's loops were at its end
        self._saving = False

    @property
    def ckpt_path(self) -> str | None:
        """What ``trainer.fit(..., ckpt_path=)`` goes on from; None: the training begins anew."""
        if self.trial.resumed_from_step is None:
            return None
        path = self.trial.checkpoint_dir / LIGHTNING_FILE
        return str(path) if path.exists() else None

    # -- what Lightning calls ------------------------------------------------------------------------------------

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Refuse a trial that the other processes of the training do not know.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
            stage: what is about to run.

        Raises:
            RuntimeError: there are several processes, and one trial alone.
        """
        if trainer.world_size > 1 and not isinstance(self.trial, DistributedTrial):
            refuse_many_processes(f"Lightning trains in {trainer.world_size} processes")

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Set the random numbers of a training that goes on to what they were, before the first batches are drawn.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        if self._random is not None:
            restore_random(self._random)
            self._random = None

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Note that there is a new value.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        self._validated = True
        if self._of_validation is None and self.monitor in trainer.callback_metrics:
            self._of_validation = True

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Note that an epoch is done. It is settled when the next one starts: schedules and other callbacks come first.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        self._done = trainer.current_epoch + 1
        self._loops = copy.deepcopy(trainer.fit_loop.state_dict())

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Save and report the epoch before, and stop where the pruner says so.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.

        Raises:
            ValueError: the metric was not logged.
            TrialPruned: the trial is to stop, or to pause.
        """
        self._settle(trainer, goes_on=True)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Report the last epoch.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that was trained.

        Raises:
            ValueError: the metric was never logged.
            TrialPruned: the trial is to stop, or to pause.
        """
        self._settle(trainer, goes_on=False)
        if not self._reported and not trainer.fast_dev_run and self.trial.resumed_from_step is None:
            raise self._not_logged(trainer.callback_metrics)

    def state_dict(self) -> dict[str, Any]:
        """Return what is saved with Lightning's checkpoint: the states of the random numbers."""
        # Bytes of a tensor can be read with weights_only=True as well.
        return {"random": torch.frombuffer(bytearray(pickle.dumps(random_state())), dtype=torch.uint8)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` returned."""
        self._random = pickle.loads(state_dict["random"].numpy().tobytes())

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Let a checkpoint of ours say that the epoch has ended, which is where Lightning can go on.

        It is saved when the next epoch starts: before, schedules have not moved on, and Lightning never catches up.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
            checkpoint: what is saved.
        """
        if self._loops is not None and self._saving:
            checkpoint["loops"]["fit_loop"] = self._loops

    # -- the parts -----------------------------------------------------------------------------------------------

    def _settle(self, trainer: Any, goes_on: bool) -> None:
        step, self._done = self._done, None
        validated, self._validated = self._validated, False
        if step is None or trainer.fast_dev_run:
            return
        metrics = trainer.callback_metrics
        if self.monitor not in metrics:
            if validated or not trainer.enable_validation:
                raise self._not_logged(metrics)
            return  # the first validation is yet to come
        if self._of_validation is None:
            self._of_validation = False
        if self._of_validation and not validated:
            return  # that value was reported after the epoch that it belongs to
        self._log(metrics, step)
        saves = self._saves and goes_on  # after the last epoch there is nothing to go on with: see trial.epochs
        self._report(float(metrics[self.monitor]), step, partial(self._save, trainer) if saves else None)

    def _save(self, trainer: Any) -> None:
        path = Path(self.trial.checkpoint_dir) / LIGHTNING_FILE
        part = path.with_name(LIGHTNING_FILE + ".part")
        self._saving = True
        try:
            trainer.save_checkpoint(part)
        finally:
            self._saving = False
        if trainer.is_global_zero:
            os.replace(part, path)

    def _not_logged(self, metrics: Any) -> ValueError:
        names = [str(name) for name in metrics]
        call = f"call self.log({self.monitor!r}, value) in validation_step, or name another monitor="
        return self._missing("nothing was logged as", "logged", names, call)
