"""Hugging Face's ``Trainer``: a callback that reports evaluations, prunes and saves checkpoints."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tunesmith.errors import TrialPruned
from tunesmith.foundation.arguments import checked
from tunesmith.integrations.epochs import EpochsCallback, refuse_many_processes
from tunesmith.integrations.torch_distributed import DistributedTrial
from tunesmith.trial import Trial

SAVED_FOLDER = "checkpoint"


class TunesmithCallback(EpochsCallback, TrainerCallback):
    """Reports a metric of each evaluation of a `transformers.Trainer`, prunes, and saves checkpoints.

    The step of a report is the number of epochs that are done with ``eval_strategy="epoch"``, and that of the updates
    with ``"steps"``. What is evaluated before the first update, or outside of ``trainer.train``, is not reported. All
    that the ``Trainer`` logs in between, such as the loss and the learning rate, is logged at such steps, as with
    ``trial.log``: with ``"epoch"``, the last value of each epoch.

    With each report but that after the last update, a checkpoint of the ``Trainer`` is saved to
    ``trial.checkpoint_dir``. Give ``checkpoint`` to ``train``, and a training that was paused or killed goes on.

    Args:
        trial: the running trial; a `tunesmith.integrations.torch_distributed.DistributedTrial` where several processes
            train.
        monitor: the name of the metric, with or without ``eval_``.
        checkpoint: whether checkpoints are saved.
        checkpoint_every: with each so many reports, or when a time such as "10 min" is over since the last one; and
            when the trial is told to stop or to pause.
        cost: what lies between two reports costs, in a unit of your own; None: the seconds are measured.

    Attributes:
        trial: the running trial.
        monitor: the name of the metric.

    Raises:
        ValueError: nothing is evaluated, or the evaluation has no such metric; the message has the names of those that
            it has.
        RuntimeError: several processes train, and the trial is known to one of them only.
        TrialPruned: the trial is to stop or to pause; out of ``trainer.train``, so leave it to the study.
    """

    @checked()
    def __init__(
        self,
        trial: Trial | DistributedTrial,
        monitor: str = "eval_loss",
        *,
        checkpoint: bool = True,
        checkpoint_every: int | str = 1,
        cost: float | None = None,
    ) -> None:
        name = monitor if monitor.startswith("eval_") else f"eval_{monitor}"
        self._begin(trial, name, checkpoint, checkpoint_every, cost)
        self._stops: int | None = None  # the step after which the trial was told to stop, and a last checkpoint is made
        self._trains = False
        self._seen: list[str] = []  # names of metrics
        self._found = False
        self._pending: tuple[float, int, int] | None = None  # value, step, update: to be reported once it is saved

    @property
    def checkpoint(self) -> str | None:
        """What ``trainer.train(resume_from_checkpoint=)`` goes on from; None: the training begins anew."""
        if self.trial.resumed_from_step is None:
            return None
        path = self.trial.checkpoint_dir / SAVED_FOLDER
        return str(path) if path.is_dir() else None

    # -- what the Trainer calls ----------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Refuse what cannot be reported.

        Args:
            args: the training arguments.
            state: where the training is.
            control: what happens next.
            **others: not used.

        Raises:
            ValueError: nothing is evaluated.
            RuntimeError: several processes train, and the trial is known to one of them only.
        """
        if args.eval_strategy == "no":
            raise ValueError(
                'TunesmithCallback reports evaluations: give TrainingArguments eval_strategy="epoch", or "steps"'
            )
        if args.world_size > 1 and not isinstance(self.trial, DistributedTrial):
            refuse_many_processes(f"{args.world_size} processes train")
        self._trains = True

    def on_log(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Log what the Trainer logs, evaluations among it, but for what it says at last of the whole training.

        Args:
            args: the training arguments.
            state: where the training is.
            control: what happens next.
            **others: ``logs`` among it.
        """
        logs = {name: value for name, value in (others.get("logs") or {}).items() if name != "epoch"}
        if self._trains and state.global_step and "train_runtime" not in logs:
            self._log(logs, math.ceil(state.epoch) if args.eval_strategy == "epoch" else state.global_step)

    def on_evaluate(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Ask for a checkpoint, or report at once where none is needed.

        Args:
            args: the training arguments.
            state: where the training is.
            control: what happens next.
            **others: ``metrics`` among it.

        Raises:
            TrialPruned: the trial is to stop, or to pause.
        """
        metrics = others["metrics"]
        if not self._trains or state.global_step == 0:  # eval_on_start, trainer.evaluate()
            return
        self._seen += [name for name in metrics if name not in self._seen]
        if self.monitor not in metrics:  # of several datasets, each is evaluated by itself
            return
        self._found = True
        step = round(state.epoch) if args.eval_strategy == "epoch" else state.global_step
        self._pending = (float(metrics[self.monitor]), step, state.global_step)
        # After the last update there is nothing to go on with: see tunesmith.trial.epochs.
        saves = self._saves and state.global_step < state.max_steps
        if saves and self.trial.checkpoint_due(self._every):
            control.should_save = True
        else:
            self._report_pending(control if saves else None)

    def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Take the checkpoint into the trial's folder, and report what it belongs to.

        Args:
            args: the training arguments.
            state: where the training is.
            control: what happens next.
            **others: not used.

        Raises:
            TrialPruned: the trial is to stop, or to pause.
        """
        if not self._trains or (self._stops is None and (self._pending or (0, 0, -1))[2] != state.global_step):
            return
        folder = self.trial.checkpoint_dir  # not in the next line: all processes have to ask
        if state.is_world_process_zero:
            made_for_us = args.save_strategy == "no"
            _take(Path(args.output_dir) / f"checkpoint-{state.global_step}", folder / SAVED_FOLDER, move=made_for_us)
        self._report_pending()

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Report what was not saved after all; ``save_strategy="best"`` saves only what is better.

        Args:
            args: the training arguments.
            state: where the training is.
            control: what happens next.
            **others: not used.

        Raises:
            ValueError: the evaluation has no such metric.
            TrialPruned: the trial is to stop, or to pause.
        """
        self._report_pending()
        if self._seen and not self._found:
            raise self._not_evaluated()

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Report what is left, or complain if there was never anything.

        Args:
            args: the training arguments.
            state: where the training is.
            control: what happens next.
            **others: not used.

        Raises:
            ValueError: the evaluation has no such metric, or there was none.
            TrialPruned: the trial is to stop, or to pause.
        """
        self._trains = False
        self._report_pending()
        if not self._found and self.trial.resumed_from_step is None:
            raise self._not_evaluated()

    # -- the parts -----------------------------------------------------------------------------------------------

    def _report_pending(self, control: Any = None) -> None:
        """Report what is pending; with `control`, nothing was saved, and a checkpoint is made if the trial is to stop.

        Raises:
            TrialPruned: it is to stop, or to pause.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            value, step, _ = pending
            self.trial.report(value, step, self._cost)
            if self.trial.should_prune():
                self._stops = step
                if control is not None:
                    control.should_save = True
                    return
        if self._stops is not None:
            raise TrialPruned(f"after the evaluation at step {self._stops}")

    def _not_evaluated(self) -> ValueError:
        advice = "return it from compute_metrics, or name another monitor="
        return self._missing("no evaluation had a metric", "there is", self._seen, advice, "no evaluation")


def _take(source: Path, target: Path, move: bool) -> None:
    """Put a folder in the place of another one; whoever looks in between finds none or a whole one.

    Args:
        source: the folder.
        target: the place.
        move: whether it may go from where it is; else its files, which the Trainer never changes, get a second name.
    """
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    if move:
        shutil.move(source, part)
    else:
        shutil.copytree(source, part, copy_function=_second_name)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)


def _second_name(source: str, target: str) -> None:
    """Give a file a second name; copy it where it cannot have one, on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
