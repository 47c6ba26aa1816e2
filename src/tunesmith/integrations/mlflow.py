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
from tunesmith.integrations.trackers import Tracker, plain
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial

MOST_METRICS, MOST_PARAMS = 900, 100  # in one call: MLflow takes 1,000 entries, and 100 parameters
LONGEST = 6000  # characters of a parameter
NOT_IN_NAMES = re.compile(r"[^\w\-. /:]")  # MLflow takes no other signs in a name


class MLflowCallback(Tracker):
    """Logs each trial as a run of an MLflow experiment: parameters, value, reported values by step, state and notes.

    Args:
        tracking_uri: where MLflow keeps its runs: a database such as "sqlite:///mlflow.db", or a server; None: what
            MLflow has been told.
        experiment: its name; None: that of the study.
        metric: what the objective's value is called; of several objectives, with ``_0``, ``_1``, ... after it.
        tags: tags of every run.

    Raises:
        ValueError: ``metric`` is no name.

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
        params = [Param(_name(name), str(plain(value))[:LONGEST]) for name, value in trial.flat_params.items()]
        metrics = [Metric(_name(name), value, ended, 0) for name, value in self.values(trial).items()]
        metrics += [Metric(name, value, ended, s) for s, found in self.reports(trial) for name, value in found.items()]
        self._client.log_batch(run, tags=[RunTag(_name(name), str(value)[:LONGEST]) for name, value in tags.items()])
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


def _name(text: str) -> str:
    return NOT_IN_NAMES.sub("_", text)
