"""PyTorch Lightning, as the package ``lightning``: a callback that reports, prunes and saves checkpoints."""

from __future__ import annotations

from lightning.pytorch.callbacks import Callback

from tunesmith.integrations.lightning_epochs import LightningEpochs


class TunesmithCallback(LightningEpochs, Callback):
    """Reports a metric of a `lightning.pytorch.Trainer` after each epoch, prunes, and saves checkpoints.

    The step of a report is the number of epochs that are done. The sanity check before the training is not reported; of
    several validations in an epoch the last one is. An epoch without a validation is not reported, unless the metric is
    logged in training. What the module logs besides comes along with each report, as with ``trial.log``.

    With each report but that of the last epoch, Lightning's checkpoint and the states of the random numbers are saved
    to ``trial.checkpoint_dir``. Give ``ckpt_path`` to ``fit``, and a training that was paused or killed goes on.

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

    Raises:
        ValueError: the metric was not logged; the message has the names of those that were.
        RuntimeError: Lightning trains in several processes, and the trial is known to one of them only.
        TrialPruned: the trial is to stop or to pause; out of ``trainer.fit``, so leave it to the study.
    """
