"""Optuna's callback for MLflow: a run for each trial, in which the objective may log too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mlflow

from tunesmith.compat.optuna.integration.metrics import named_values
from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.trackers import Tracker

__all__ = ["MLflowCallback"]

RUN = "mlflow_run_id"  # the user attribute of a trial that has the id of its run
LONGEST = 5000  # characters of a tag


class MLflowCallback(Tracker):
    """Logs each trial as a run of the experiment that has the study's name: parameters, values, tags.

    `tunesmith.integrations.mlflow.MLflowCallback` logs the reported values by step as well.

    Args:
        tracking_uri: where MLflow keeps its runs; None: what MLflow has been told.
        metric_name: what the objective's value is called; of several objectives a list, or a name that gets numbers.
        create_experiment: log to an experiment with the study's name; False: to the one that MLflow has been told.
        mlflow_kwargs: "experiment_id", "run_name", "nested" and "tags" for ``mlflow.start_run``.
        tag_study_user_attrs: make tags of the study's user attributes.
        tag_trial_user_attrs: make tags of the trial's user attributes.

    Raises:
        TypeError: ``metric_name`` is neither a text nor a list of texts.
    """

    service = "MLflow"

    def __init__(
        self,
        tracking_uri: str | None = None,
        metric_name: str | Sequence[str] = "value",
        create_experiment: bool = True,
        mlflow_kwargs: Mapping[str, Any] | None = None,
        tag_study_user_attrs: bool = False,
        tag_trial_user_attrs: bool = True,
    ) -> None:
        super().__init__("value")
        named_values(metric_name, [])
        self._uri, self._names, self._creates = tracking_uri, metric_name, create_experiment
        self._given = dict(mlflow_kwargs or {})
        self._of_study, self._of_trial = tag_study_user_attrs, tag_trial_user_attrs

    def log(self, study: Any, trial: Any) -> None:
        """Log a trial.

        Args:
            study: whose trial it is.
            trial: the finished trial.
        """
        self._turn_to(study)
        with self._run(trial, trial.user_attrs.get(RUN)):
            mlflow.log_params(dict(trial.params))
            mlflow.log_metrics(named_values(self._names, trial.values or []))
            mlflow.set_tags({name: _cut(value) for name, value in self._tags(study, trial).items()})

    def track_in_mlflow(self) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        """Return a decorator of objectives: the trial's run is open while they run, so that they can log to it."""

        def decorator(objective: Callable[[Any], Any]) -> Callable[[Any], Any]:
            @functools.wraps(objective)
            def tracked(trial: Any) -> Any:
                self._turn_to(trial.study)
                with self._run(trial, None) as run:
                    trial.set_user_attr(RUN, run.info.run_id)
                    return objective(trial)

            return tracked

        return decorator

    def _turn_to(self, study: Any) -> None:
        """Tell MLflow where the runs of a study go."""
        if self._uri is not None:
            mlflow.set_tracking_uri(self._uri)
        if self._creates:
            mlflow.set_experiment(study.study_name)

    def _run(self, trial: Any, run_id: str | None) -> Any:
        return mlflow.start_run(
            run_id=run_id,
            experiment_id=self._given.get("experiment_id"),
            run_name=self._given.get("run_name", str(trial.number)),
            nested=bool(self._given.get("nested")),
            tags=self._given.get("tags"),
        )

    def _tags(self, study: Any, trial: Any) -> dict[str, Any]:
        directions = [direction.name for direction in study.directions]
        return {
            "number": trial.number,
            "datetime_start": trial.datetime_start,
            "datetime_complete": trial.datetime_complete,
            "state": trial.state.name,
            "direction": directions[0] if len(directions) == 1 else directions,
            **{f"{name}_distribution": distribution for name, distribution in trial.distributions.items()},
            **({k: v for k, v in trial.user_attrs.items() if k != RUN} if self._of_trial else {}),
            **(dict(study.user_attrs) if self._of_study else {}),
        }


def _cut(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


__getattr__ = refuser(__name__, __all__)
