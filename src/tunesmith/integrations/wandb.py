"""Logs the trials of a study to Weights & Biases, one run a trial."""

from __future__ import annotations

from typing import Any

import wandb

from tunesmith.foundation.states import TrialState
from tunesmith.integrations.trackers import Tracker, as_logged
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial


class WandbCallback(Tracker):
    """Logs each trial as a run of a Weights & Biases project: parameters, value, reports and metrics by step, notes.

    The runs of a study are one group. A run is made when its trial has ended, so that it takes no time of the trial's.

    Args:
        project: its name; None: that of the study.
        metric: what the objective's value is called; of several objectives, with ``_0``, ``_1``, ... after it.
        **init: more arguments of ``wandb.init``, such as ``mode="offline"``, ``entity`` or ``dir``.

    Raises:
        ValueError: ``metric`` cannot be a name.

    Example:
        ```python
        import tunesmith
        from tunesmith.integrations.wandb import WandbCallback

        def objective(trial):
            return trial.suggest_float("x", -1, 1) ** 2

        study = tunesmith.create_study(study_name="parabola", seed=0)
        study.optimize(objective, n_trials=2, callbacks=[WandbCallback(metric="loss", mode="offline")])
        ```
    """

    service = "Weights & Biases"

    def __init__(self, project: str | None = None, *, metric: str = "value", **init: Any) -> None:
        super().__init__(metric)
        self.project = project
        self.init = {"settings": wandb.Settings(silent=True, console="off"), **init}

    def log(self, study: Study, trial: FrozenTrial) -> None:
        config = {name: as_logged(value) for name, value in trial.params.items()}
        options = {
            "project": self.project or study.study_name,
            "group": study.study_name,
            "name": f"{study.study_name} {trial.number}",
            "config": config,
            "reinit": "create_new",  # a run of the user's own goes on
            **self.init,
        }
        run = wandb.init(**options)
        try:
            for step, found in self.steps(trial):
                run.log(found, step=step)
            run.summary.update({**self.values(trial), "number": trial.number, "state": trial.state.name})
            run.summary.update({"reason": trial.reason} if trial.reason else {})
            run.summary.update(dict(trial.user_attrs))
        finally:
            run.finish(exit_code=int(trial.state is TrialState.FAIL))
