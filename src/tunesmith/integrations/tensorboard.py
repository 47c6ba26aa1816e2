"""Logs the trials of a study to TensorBoard, for its HParams tab; one folder a trial."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.integrations.trackers import Tracker, plain
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial


class TensorBoardCallback(Tracker):
    """Logs each trial's parameters and value for TensorBoard's HParams tab, and its reported values as a curve.

    It writes with tensorboardX, or, where that is not installed, with PyTorch's own writer.

    Args:
        folder: what ``tensorboard --logdir`` is given; each trial has a folder STUDY/NUMBER in it.
        metric: what the objective's value is called; of several objectives, with ``_0``, ``_1``, ... after it.

    Raises:
        ValueError: ``metric`` is no name.
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
        self._writer = _writer()

    def log(self, study: Study, trial: FrozenTrial) -> None:
        params = {name: plain(value) for name, value in trial.flat_params.items()}
        folder = str(self.folder / study.study_name / str(trial.number))
        # The suffix, since add_hparams opens a file of its own, whose name is the same within a second.
        with self._writer(folder, filename_suffix=".curve") as writer:
            for step, found in self.reports(trial):
                for name, value in found.items():
                    writer.add_scalar(name, value, step)
            writer.add_text("state", ": ".join([trial.state.name, *([trial.reason] if trial.reason else [])]))
            writer.add_hparams(params, self.values(trial), ".")  # ".": into the same folder


def _writer() -> Any:
    """Return the class of a writer."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ImportError(
                "TensorBoardCallback needs tensorboardX: pip install 'tunesmith[tensorboard]'; or torch and tensorboard"
            ) from None
    return SummaryWriter
