"""Logs the trials of a study to TensorBoard, for its HParams tab; one folder a trial."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.integrations.trackers import Tracker, as_logged
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial


class TensorBoardCallback(Tracker):
    """Logs each trial's parameters and value for TensorBoard's HParams tab, its reports and metrics as curves.

    It writes with tensorboardX, or, where that is not installed, with PyTorch's own writer.

    Args:
        folder: what ``tensorboard --logdir`` is given; each trial has a folder STUDY/NUMBER in it.
        metric: what the objective's value is called; of several objectives, with ``_0``, ``_1``, ... after it.

    Raises:
        ValueError: ``metric`` cannot be a name.
        ImportError: neither of the two is installed.

    Example:
        ```python
        import tunesmith
        from tunesmith.integrations.tensorboard import TensorBoardCallback

        def objective(trial):
            return trial.suggest_float("x", -1, 1) ** 2

        study = tunesmith.create_study(study_name="parabola", seed=0)
        study.optimize(objective, n_trials=3, callbacks=[TensorBoardCallback("runs", metric="loss")])
        ```
    """

    service = "TensorBoard"

    @checked()
    def __init__(self, folder: str | os.PathLike[str], *, metric: str = "value") -> None:
        super().__init__(metric)
        self.folder = Path(folder)
        self._writer, self._folder_name = _writer_class()

    def log(self, study: Study, trial: FrozenTrial) -> None:
        params = {name: as_logged(value) for name, value in trial.flat_params.items()}
        folder = str(self.folder / study.study_name / str(trial.number))
        # The suffix, since add_hparams opens a file of its own, whose name is the same within a second.
        with self._writer(folder, filename_suffix=".curve") as writer:
            for step, found in self.steps(trial):
                for name, value in found.items():
                    writer.add_scalar(name, value, step)
            writer.add_text("state", ": ".join([trial.state.name, *([trial.reason] if trial.reason else [])]))
            here = {self._folder_name: "."}  # into the same folder
            writer.add_hparams(params, self.values(trial), global_step=self.last_step(trial), **here)


def _writer_class() -> tuple[Any, str]:
    """Return the class of a writer, and what its ``add_hparams`` calls the folder of a run."""
    try:
        from tensorboardX import SummaryWriter

        return SummaryWriter, "name"
    except ImportError:
        try:
            from torch.utils.tensorboard import SummaryWriter

            return SummaryWriter, "run_name"
        except ImportError:
            raise ImportError(
                "TensorBoardCallback needs tensorboardX: pip install 'tunesmith[tensorboard]'; or torch and tensorboard"
            ) from None
