"""What came of a search: `ResultGrid`, `Result` and `ExperimentAnalysis`, read from its study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.config import checked_mode
from tunesmith.compat.ray.tune.sample import flattened
from tunesmith.compat.ray.tune.session import (
    LAST_RESULT,
    TRAINING_ITERATION,
    TRIAL_ID,
    Checkpoint,
    Plan,
    checkpoints_in,
)
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import did_you_mean
from tunesmith.study import Study
from tunesmith.study.schedule import schedule_of
from tunesmith.trial import FrozenTrial, TrialState
from tunesmith.trial.metrics import Metrics

if TYPE_CHECKING:
    import pandas as pd

SCOPES = ("all", "last", "avg", "last-5-avg", "last-10-avg")
ENDED = {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
RETRIED = "retried"  # the user attribute of a trial in whose place another one was run


class TuneError(RuntimeError):
    """A trial failed."""


@dataclass(eq=False)
class Result:
    """What came of a trial.

    Attributes:
        trial: the trial of this library; of a member of a population the last of its trials.
        config: its config.
        path: its folder.
        error: why it failed; None: it did not.
        parts: the trials that it was trained in, first to last; one, but for a population.
        series: the values of each metric by iteration.
    """

    trial: FrozenTrial
    config: dict[str, Any]
    path: str
    trial_id: str
    error: Exception | None
    parts: list[FrozenTrial]
    series: dict[str, dict[int, float]]

    @property
    def metrics(self) -> dict[str, Any]:
        """What it reported last, and its config."""
        last = dict(self.trial.user_attrs.get(LAST_RESULT) or {})
        if not last and self.series:
            step = max(max(values) for values in self.series.values())
            last = {name: values[step] for name, values in self.series.items() if step in values}
            last[TRAINING_ITERATION] = step
        return {**last, TRIAL_ID: self.trial_id, "config": self.config}

    @property
    def metrics_dataframe(self) -> pd.DataFrame:
        """One row for each report: its metrics, and the config."""
        import pandas as pd

        frame = pd.DataFrame(self.series).sort_index()
        frame.insert(0, TRAINING_ITERATION, frame.index)
        frame[TRIAL_ID] = self.trial_id
        for name, value in flattened(self.config).items():
            frame[f"config/{name}"] = [value] * len(frame)
        return frame.reset_index(drop=True)

    @property
    def best_checkpoints(self) -> list[tuple[Checkpoint, dict[str, Any]]]:
        """The checkpoints that were kept, oldest first, each with the metrics of its iteration."""
        found = []
        for path in checkpoints_in(Path(self.path)):
            step = int(path.name.rpartition("_")[2])
            metrics = {name: values[step] for name, values in self.series.items() if step in values}
            found.append((Checkpoint(path), {**metrics, TRAINING_ITERATION: step, "config": self.config}))
        return found

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The last checkpoint; None: it saved none."""
        there = checkpoints_in(Path(self.path))
        return Checkpoint(there[-1]) if there else None

    def get_best_checkpoint(self, metric: str, mode: str) -> Checkpoint | None:
        """Return the checkpoint with the best value of a metric.

        Args:
            metric: its name.
            mode: "min" or "max".
        """
        sign = 1.0 if checked_mode(mode) == "max" else -1.0
        scored = [
            (sign * metrics[metric], checkpoint) for checkpoint, metrics in self.best_checkpoints if metric in metrics
        ]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None

    @property
    def schedule(self) -> list[tuple[int, dict[str, Any]]]:
        """Of a member of a population, from which iteration on it had which parameters; of others, one entry."""
        return [(min(part.intermediate_values, default=1), dict(part.params)) for part in self.parts]

    def score(self, metric: str, mode: str, scope: str) -> float:
        """Return what it is compared by; NaN: it has no such metric.

        Args:
            metric: its name; ``config`` and texts cannot be compared.
            mode: "min" or "max".
            scope: which of the reports count.
        """
        series = self.series.get(metric)
        if metric == TRAINING_ITERATION:
            series = {0: float(self.metrics.get(metric, math.nan))}
        if not series:
            return math.nan
        values = [series[step] for step in sorted(series)]
        if scope == "all":
            return float(np.nanmin(values) if mode == "min" else np.nanmax(values))
        last = {"last": 1, "last-5-avg": 5, "last-10-avg": 10}.get(scope, len(values))
        return float(np.mean(values[-last:]))

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.metrics.items() if name not in ("config", TRIAL_ID)}
        error = "" if self.error is None else f"  error={type(self.error).__name__},\n"
        return f"Result(\n{error}  metrics={shown},\n  path={self.path!r},\n  checkpoint={self.checkpoint}\n)"


class ResultGrid:
    """The results of a search, in the order in which trials began.

    Args:
        study: the study.
        plan: what its trials had to know.
        metric: of the `TuneConfig`.
        mode: likewise.

    Attributes:
        study: the study, which `tunesmith show` and the dashboard show too.
        experiment_path: its folder.
    """

    def __init__(self, study: Study, plan: Plan, metric: str | None, mode: str | None) -> None:
        self.study, self._plan = study, plan
        self.default_metric, self.default_mode = metric, mode
        self.experiment_path = str(plan.folder)
        logged = study.storage.metrics(study.study_id)
        self._results = [self._read(parts, logged) for parts in self._parts()]

    def _parts(self) -> list[list[FrozenTrial]]:
        """Return the trials of this library that each result is made of."""
        trials = [t for t in self.study.trials if t.state in ENDED and not t.user_attrs.get(RETRIED)]
        if self._plan.interval is None:
            return [[trial] for trial in trials]
        by_number = {trial.number: trial for trial in trials}
        chains = {n: [p.number for p in schedule_of(by_number[n], by_number.__getitem__)] for n in by_number}
        ended = [n for n, trial in by_number.items() if trial.state is TrialState.COMPLETE]
        if not ended:  # the search was cut short
            gone_on = {number for n, chain in chains.items() for number in chain if number != n}
            ended = [n for n in by_number if n not in gone_on]
        return [[by_number[number] for number in chains[n]] for n in ended]

    def _read(self, parts: list[FrozenTrial], logged: Mapping[int, Metrics]) -> Result:
        trial = parts[-1]
        series: dict[str, dict[int, float]] = {}
        for part in parts:
            for name, (steps, values) in logged.get(part.number, {}).items():
                series.setdefault(name, {}).update(zip(steps.tolist(), values.tolist(), strict=True))
        config = self._plan.space.config(trial)
        info = self._plan.info(trial.number, config)
        failed = trial.state is TrialState.FAIL and trial.failure is not FailureKind.NAN
        error = TuneError(trial.reason or "the trial failed") if failed else None
        return Result(trial, config, info.path, info.trial_id, error, parts, series)

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, i: int) -> Result:
        return self._results[i]

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    @property
    def errors(self) -> list[Exception]:
        """The errors of trials that failed."""
        return [result.error for result in self if result.error is not None]

    @property
    def num_errors(self) -> int:
        """How many trials failed."""
        return len(self.errors)

    @property
    def num_terminated(self) -> int:
        """How many trials ended without an error, also early."""
        return len(self) - self.num_errors

    def get_best_result(
        self,
        metric: str | None = None,
        mode: str | None = None,
        scope: str = "last",
        filter_nan_and_inf: bool = True,
    ) -> Result:
        """Return the best result; trials that were stopped early count with what they reported.

        Args:
            metric: by which metric; None: that of the `TuneConfig`.
            mode: "min" or "max"; None: likewise.
            scope: "last" report of each trial, the best of "all", the mean: "avg", "last-5-avg", "last-10-avg".
            filter_nan_and_inf: leave out trials whose value is not finite.

        Returns:
            the result.

        Raises:
            ValueError: no metric or mode is known, or there is no such scope.
            RuntimeError: no trial reported the metric.
        """
        if len(self) == 1:
            return self[0]
        metric, mode = metric or self.default_metric, mode or self.default_mode
        if metric is None or mode is None:
            raise ValueError("name metric= and mode=, here or in the TuneConfig")
        if scope not in SCOPES:
            raise ValueError(f"scope={scope!r}{did_you_mean(scope, SCOPES)}: there are {', '.join(SCOPES)}")
        sign = 1.0 if checked_mode(mode) == "min" else -1.0
        scored = [(sign * result.score(metric, mode, scope), result) for result in self]
        kept = [pair for pair in scored if (math.isfinite(pair[0]) if filter_nan_and_inf else pair[0] == pair[0])]
        if not kept:
            known = sorted({name for result in self for name in result.series})
            raise RuntimeError(
                f"no trial reported a finite {metric!r}{did_you_mean(metric, known)}; reported: "
                f"{', '.join(known) or 'nothing'}. errors says why trials failed"
            )
        return min(kept, key=lambda pair: pair[0])[1]

    def get_dataframe(self, filter_metric: str | None = None, filter_mode: str | None = None) -> pd.DataFrame:
        """Return one row a trial: what it reported last, or where a metric was best, and its config.

        Args:
            filter_metric: the metric; None: the last report.
            filter_mode: "min" or "max".

        Returns:
            the table.
        """
        import pandas as pd

        return pd.DataFrame([self._row(result, filter_metric, filter_mode) for result in self])

    def _row(self, result: Result, metric: str | None, mode: str | None) -> dict[str, Any]:
        row = flattened({name: value for name, value in result.metrics.items() if name != "config"})
        if metric is not None and (values := result.series.get(metric)):
            step = (min if checked_mode(mode) == "min" else max)(values, key=values.__getitem__)
            row |= {name: series[step] for name, series in result.series.items() if step in series}
            row[TRAINING_ITERATION] = step
        return {**row, **flattened({"config": result.config}), "logdir": result.path}

    def __repr__(self) -> str:
        return f"{type(self).__name__}<[\n" + ",\n".join(map(repr, self)) + "\n]>"


class ExperimentAnalysis(ResultGrid):
    """The same by the names that `tune.run` has for it. A "trial" of these names is a `Result`."""

    @property
    def trials(self) -> list[Result]:
        """All results."""
        return list(self)

    def get_best_trial(
        self,
        metric: str | None = None,
        mode: str | None = None,
        scope: str = "last",
        filter_nan_and_inf: bool = True,
    ) -> Result | None:
        """Return the best result, as `get_best_result`; None: there is none."""
        try:
            return self.get_best_result(metric, mode, scope, filter_nan_and_inf)
        except RuntimeError:
            return None

    def get_best_config(
        self, metric: str | None = None, mode: str | None = None, scope: str = "last"
    ) -> dict[str, Any] | None:
        """Return the config of the best result; None: there is none."""
        best = self.get_best_trial(metric, mode, scope)
        return None if best is None else best.config

    def get_best_checkpoint(
        self, trial: Result, metric: str | None = None, mode: str | None = None
    ) -> Checkpoint | None:
        """Return the checkpoint of a trial with the best value of a metric."""
        return trial.get_best_checkpoint(metric or self.default_metric or "", mode or self.default_mode or "")

    def get_last_checkpoint(self, trial: Result | None = None) -> Checkpoint | None:
        """Return the last checkpoint of a trial, the best one if none is given."""
        return (trial or self.best_trial).checkpoint

    def get_all_configs(self) -> dict[str, dict[str, Any]]:
        """Return the config of each trial, by its folder."""
        return {result.path: result.config for result in self}

    @property
    def best_trial(self) -> Result:
        """The best result."""
        return self.get_best_result()

    @property
    def best_config(self) -> dict[str, Any]:
        """The config of the best result."""
        return self.best_trial.config

    @property
    def best_result(self) -> dict[str, Any]:
        """What the best trial reported last."""
        return self.best_trial.metrics

    @property
    def best_checkpoint(self) -> Checkpoint | None:
        """The best checkpoint of the best trial."""
        return self.get_best_checkpoint(self.best_trial)

    @property
    def best_dataframe(self) -> pd.DataFrame:
        """All reports of the best trial."""
        return self.best_trial.metrics_dataframe

    @property
    def best_result_df(self) -> pd.DataFrame:
        """What the best trial reported last, as a data frame of one row."""
        import pandas as pd

        return pd.DataFrame([self._row(self.best_trial, None, None)])

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What each trial reported last, by its id."""
        return {result.trial_id: result.metrics for result in self}

    @property
    def results_df(self) -> pd.DataFrame:
        """The same as a data frame."""
        return self.get_dataframe().set_index(TRIAL_ID)

    @property
    def trial_dataframes(self) -> Mapping[str, pd.DataFrame]:
        """All reports of each trial, by its id."""
        return {result.trial_id: result.metrics_dataframe for result in self}

    def dataframe(self, metric: str | None = None, mode: str | None = None) -> pd.DataFrame:
        """Return one row a trial, as `get_dataframe`."""
        return self.get_dataframe(metric, mode)


__getattr__ = refuser(__name__)
