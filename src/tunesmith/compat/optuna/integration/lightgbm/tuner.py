"""The LightGBM Tuner: it searches LightGBM's parameters one after the other, each step with the best of those before.

The steps are those of Optuna's tuner (Ozaki, "LightGBM Tuner", 2020), under its names and arguments; see `.steps`.
"""

from __future__ import annotations

import copy
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.integration.lightgbm import steps
from tunesmith.compat.optuna.integration.lightgbm.aliases import (
    deciding_metric,
    is_maximized,
    with_main_metrics,
    with_main_names,
)
from tunesmith.compat.optuna.integration.lightgbm.boosters import Boosters
from tunesmith.compat.optuna.integration.lightgbm.proposals import Proposals
from tunesmith.compat.optuna.study import create_study
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.progress.line import ProgressLine

# System attributes of the tuner's trials, as Optuna calls them.
SECONDS = "lightgbm_tuner:elapsed_secs"
SECONDS_PER_ROUND = "lightgbm_tuner:average_iteration_time"
STEP = "lightgbm_tuner:step_name"
PARAMS = "lightgbm_tuner:lgbm_params"

Callbacks = Iterable[Callable[[Any, Any], None]]


class BaseTuner(ABC):
    """What the two tuners share.

    Args:
        params: as in ``lightgbm.train``.
        train_set: as in ``lightgbm.train``.
        options: more arguments of the call that trains.
        time_budget: seconds for all steps together; None: no limit.
        sample_size: how many rows, the last ones, the trials train on; None: all.
        study: where the trials are kept; None: in a new study in memory.
        optuna_callbacks: called with (study, finished trial) after each trial.
        show_progress_bar: whether each step shows how far it is.
        model_dir: a folder in which each trial's booster is kept.
        optuna_seed: of TPE.

    Attributes:
        study: where the trials are kept.
        lgbm_params: the parameters of the next training, without those that it searches.
        train_set: the rows.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        train_set: Any,
        options: dict[str, Any],
        *,
        time_budget: float | None,
        sample_size: int | None,
        study: Any,
        optuna_callbacks: Callbacks | None,
        show_progress_bar: bool,
        model_dir: str | None,
        optuna_seed: int | None,
    ) -> None:
        self.lgbm_params = with_main_metrics(copy.deepcopy(dict(params)))
        if self.lgbm_params.get("feature_pre_filter"):
            caution("feature_pre_filter is set to False: with True, LightGBM cannot change min_child_samples")
        self.lgbm_params["feature_pre_filter"] = False
        self.train_set = train_set
        self._options = options
        self._subset: Any = None
        self._time_budget, self._sample_size = time_budget, sample_size
        self._callbacks = list(optuna_callbacks or ())
        self._shows_progress = show_progress_bar
        self._seed = optuna_seed
        self._began: float | None = None
        self._boosters = Boosters(model_dir)
        objective = self.lgbm_params.get("objective")
        self._own_objective = None if objective is None or isinstance(objective, str) else objective
        direction = self._direction
        self.study = create_study(direction=direction) if study is None else study
        if self.study.direction != direction:
            metric = deciding_metric(with_main_names(self.lgbm_params))
            raise ValueError(
                f"the study is to be {self.study.direction.name.lower()}d, and {metric!r} {direction.name.lower()}d: "
                f"create_study(direction={direction.name.lower()!r})"
            )

    @property
    def _direction(self) -> StudyDirection:
        maximized = is_maximized(with_main_names(self.lgbm_params))
        return StudyDirection.MAXIMIZE if maximized else StudyDirection.MINIMIZE

    # -- results -------------------------------------------------------------------------------------------------

    @property
    def best_score(self) -> float:
        """The best value of the metric; infinite, on the bad side, while there is none."""
        best = self._best_trial()
        if best is None:
            return -np.inf if self._direction == StudyDirection.MAXIMIZE else np.inf
        return float(best.value or 0.0)

    @property
    def best_params(self) -> dict[str, Any]:
        """All parameters of LightGBM of the best trial; before the first trial, those that the search begins with."""
        best = self._best_trial()
        if best is None:
            return {**steps.DEFAULTS, **self.lgbm_params}
        found: dict[str, Any] = json.loads(best.system_attrs[PARAMS])
        if self._own_objective is not None:
            found["objective"] = self._own_objective
        return found

    def get_best_booster(self) -> Any:
        """Return the model of the best trial.

        Raises:
            ValueError: there is none yet, or another process has it and there is no ``model_dir``.
        """
        best = self._best_trial()
        if best is None:
            raise ValueError("there is no best booster: no trial is complete yet; call run()")
        return self._boosters.of(best.number)

    # -- the steps -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run all steps; those whose trials are in the study already are not run again."""
        self.lgbm_params = with_main_names(self.lgbm_params)
        self.sample_train_set()
        self.tune_feature_fraction()
        self.tune_num_leaves()
        self.tune_bagging()
        self.tune_feature_fraction_stage2()
        self.tune_regularization_factors()
        self.tune_min_data_in_leaf()

    def sample_train_set(self) -> None:
        """Take the last ``sample_size`` rows, if there are more."""
        if self._sample_size is None:
            return
        self.train_set.construct()
        n = self.train_set.num_data()
        if n > self._sample_size:
            self._subset = self.train_set.subset(list(range(n - self._sample_size, n)))

    def tune_feature_fraction(self, n_trials: int = 7) -> None:
        """Try shares of the columns."""
        self._tune(steps.feature_fraction(n_trials))

    def tune_num_leaves(self, n_trials: int = 20) -> None:
        """Try numbers of leaves."""
        self._tune(steps.num_leaves(n_trials, self.lgbm_params.get("max_depth")))

    def tune_bagging(self, n_trials: int = 10) -> None:
        """Try shares of the rows, and how often they are drawn."""
        self._tune(steps.bagging(n_trials))

    def tune_feature_fraction_stage2(self, n_trials: int = 6) -> None:
        """Try shares of the columns near the best one."""
        self._tune(steps.feature_fraction_again(n_trials, self.best_params["feature_fraction"]))

    def tune_regularization_factors(self, n_trials: int = 20) -> None:
        """Try penalties."""
        self._tune(steps.regularization(n_trials))

    def tune_min_data_in_leaf(self) -> None:
        """Try least numbers of rows in a leaf."""
        self._tune(steps.leaf_size())

    def _tune(self, step: steps.Step) -> None:
        """Run the trials of a step that are not in the study yet, as long as there is time."""
        self._began = time.monotonic() if self._began is None else self._began
        self.lgbm_params.update(self.best_params)
        proposals = Proposals(step, self._direction, self._seed)
        line = ProgressLine(step.n_trials) if self._shows_progress else None
        stopped: list[bool] = []
        try:
            while len(done := self._trials_of(step)) < step.n_trials and not stopped and self._has_time():
                self.study.enqueue_trial(proposals.next(done))
                self.study.optimize(
                    lambda trial: self._objective(step, trial),
                    n_trials=1,
                    callbacks=[*self._callbacks, lambda study, _: stopped.extend([True] * _is_stopped(study))],
                )
                if line is not None:
                    line.best = f"{step.name}: {self.best_score:.6g}"
                    line.advance()
        finally:
            if line is not None:
                line.close()

    def _objective(self, step: steps.Step, trial: Any) -> float:
        searched = {name: trial._suggest(name, distribution) for name, distribution in step.space.items()}
        _note(trial, STEP, step.name)
        params = {**self.lgbm_params, **searched}
        began = time.monotonic()
        booster, score, rounds = self._train(params, self.train_set if self._subset is None else self._subset)
        seconds = time.monotonic() - began
        _note(trial, SECONDS, seconds)
        _note(trial, SECONDS_PER_ROUND, seconds / max(rounds, 1))
        _note(trial, PARAMS, json.dumps(self._readable(params)))
        better = score > self.best_score if self._direction == StudyDirection.MAXIMIZE else score < self.best_score
        if booster is not None:
            self._boosters.keep(trial.number, booster, better)
        return score

    @abstractmethod
    def _train(self, params: dict[str, Any], train_set: Any) -> tuple[Any, float, int]:
        """Return the model (None: there is none to keep), its score, and how many rounds it has."""

    # -- the parts -----------------------------------------------------------------------------------------------

    def _best_trial(self) -> FrozenTrial | None:
        """Return the best of the tuner's trials; None: there is none yet."""
        trials = self.study.get_trials(states=(TrialState.COMPLETE,))
        own = [trial for trial in trials if PARAMS in trial.system_attrs]
        sign = -1.0 if self._direction == StudyDirection.MAXIMIZE else 1.0
        return min(own, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def _trials_of(self, step: steps.Step) -> list[Any]:
        trials = self.study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
        return [trial for trial in trials if trial.system_attrs.get(STEP) == step.name]

    def _has_time(self) -> bool:
        spent = time.monotonic() - (self._began or 0.0)
        return self._time_budget is None or spent < self._time_budget

    def _readable(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return parameters as JSON takes them: an objective of the user's own by its name."""
        own = self._own_objective
        return params if own is None else {**params, "objective": getattr(own, "__name__", str(own))}


def _note(trial: Any, key: str, value: Any) -> None:
    trial.storage.set_trial_system_attr(trial._trial_id, key, value)


def _is_stopped(study: Any) -> bool:
    return bool(study.native.engine.stop_requested)
