"""Logs the trials of a study to MLflow, one run a trial."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import TrialState
from tunesmith.integrations.trackers import Tracker, as_logged
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial

MOST_METRICS, MOST_PARAMS = 900, 100  # in one call: MLflow takes 1,000 entries, and 100 parameters
TEXT_LIMIT = 6000  # characters of a parameter
NOT_IN_NAMES = re.compile(r"[^\w\-. /:]")  # MLflow takes no other signs in a name


class MLflowCallback(Tracker):
    """Logs each trial as a run of an MLflow experiment: parameters, value, reports and metrics by step, state, notes.

    Args:
        tracking_uri: where MLflow keeps its runs: a database such as "sqlite:///mlflow.db", or a server; None: what
            MLflow has been told.
        experiment: its name; None: that of the study.
        metric: what the objective's value is called; of several objectives, with ``_0``, ``_1``, ... after it.
        tags: tags of every run.

    Raises:
        ValueError: ``metric`` cannot be a name.

    Example:
        ```python
        import tunesmith
        from tunesmith.integrations.mlflow import MLflowCallback

        def objective(trial):
            return trial.suggest_float("x", -1, 1) ** 2

        study = tunesmith.create_study(study_name="parabola", seed=0)
        study.optimize(objective, n_trials=3, callbacks=[MLflowCallback("sqlite:///mlflow.db", metric="loss")])
        ```
    """

    service = "MLflow"

    @checked()
    def __init__(
        self,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        *,
        metric: str = "value",
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(metric)
        self.experiment = experiment
        self.tags = dict(tags or {})
        self._client = MlflowClient(tracking_uri)
        self._ids: dict[str, str] = {}

    def log(self, study: Study, trial: FrozenTrial) -> None:
        began, ended = _milliseconds(trial.started), _milliseconds(trial.finished)
        tags = {**self.tags, "tunesmith.study": study.study_name, "tunesmith.number": trial.number}
        tags |= {"tunesmith.state": trial.state.name, **trial.user_attrs}
        if trial.reason:
            tags["tunesmith.reason"] = trial.reason
        run = self._client.create_run(
            self._experiment_id(study), start_time=began, run_name=f"{study.study_name} {trial.number}"
        ).info.run_id
        params = [
            Param(_allowed_name(name), str(as_logged(value))[:TEXT_LIMIT]) for name, value in trial.flat_params.items()
        ]
        last = self.last_step(trial)
        metrics = [
            # MLflow shows the last value of the last step: where the names are the same, the objective's.
            Metric(_allowed_name(name), value, ended - 1, step)
            for step, found in self.steps(trial)
            for name, value in found.items()
        ]
        metrics += [Metric(_allowed_name(name), value, ended, last) for name, value in self.values(trial).items()]
        self._client.log_batch(
            run, tags=[RunTag(_allowed_name(name), str(value)[:TEXT_LIMIT]) for name, value in tags.items()]
        )
        for first in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(run, params=params[first : first + MOST_PARAMS])
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(run, metrics=metrics[first : first + MOST_METRICS])
        self._client.set_terminated(run, "FAILED" if trial.state is TrialState.FAIL else "FINISHED", ended)

    def _experiment_id(self, study: Study) -> str:
        name = self.experiment or study.study_name
        if name not in self._ids:
            found = self._client.get_experiment_by_name(name)
            self._ids[name] = self._client.create_experiment(name) if found is None else found.experiment_id
        return self._ids[name]


def _milliseconds(seconds: float) -> int:
    return int(1000 * (seconds if seconds == seconds else time.time()))


def _allowed_name(text: str) -> str:
    return NOT_IN_NAMES.sub("_", text)
