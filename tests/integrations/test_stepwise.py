"""`fit_in_steps`: any estimator of scikit-learn that can be trained a bit at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.integrations.orders import PauseAt, StopAfter

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.integrations.stepwise import FittedInSteps, fit_in_steps

CANCER = train_test_split(*load_breast_cancer(return_X_y=True), test_size=0.3, random_state=0)
DIABETES = train_test_split(*load_diabetes(return_X_y=True), test_size=0.3, random_state=0)
STEPS = 5

CASES = {
    "partial_fit": (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), CANCER),
    "partial_fit of a regressor": (SGDRegressor(random_state=0), DIABETES),
    "partial_fit with numbers of numpy": (make_pipeline(StandardScaler(), MLPClassifier((8,))), CANCER),
    "n_estimators": (RandomForestClassifier(12, random_state=0), CANCER),
    "n_estimators of boosting": (GradientBoostingRegressor(n_estimators=13, random_state=0), DIABETES),
    "max_iter that counts in all": (HistGradientBoostingClassifier(max_iter=11, random_state=0), CANCER),
    "max_iter that counts on": (make_pipeline(StandardScaler(), LogisticRegression(max_iter=50)), CANCER),
}


def run(
    estimator: Any, data: Any, pruner: Any = "nop", steps: int = STEPS, **options: Any
) -> tuple[ts.FrozenTrial, list[FittedInSteps]]:
    X, X_val, y, y_val = data
    ended = []

    def objective(trial: ts.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        ended.append(fit_in_steps(estimator, X, y, trial, steps=steps, X_val=X_val, y_val=y_val, **options))
        return ended[-1].score

    study = ts.create_study(direction="maximize", pruner=pruner, seed=0)
    study.optimize(objective, n_trials=1)
    return study.trials[0], ended


@pytest.mark.parametrize("name", CASES)
def test_each_step_is_reported_and_a_pause_changes_nothing(name: str) -> None:
    estimator, data = CASES[name]
    before = clone(estimator).get_params()
    trial, (whole,) = run(estimator, data)
    assert list(trial.intermediate_values) == list(range(1, STEPS + 1))
    assert trial.value == trial.intermediate_values[STEPS] == whole.score
    assert whole.score == whole.estimator.score(data[1], data[3])
    assert {k: v for k, v in whole.estimator.get_params(deep=False).items() if k != "steps"} == {
        k: v for k, v in estimator.get_params(deep=False).items() if k != "steps"
    }
    assert str(before) == str(estimator.get_params()), "the estimator that was given stays as it is"

    paused, (again,) = run(estimator, data, PauseAt([2, 4]))
    assert [attempt.last_step for attempt in paused.previous_attempts] == [2, 4]
    assert dict(paused.intermediate_values) == dict(trial.intermediate_values)
    assert np.array_equal(again.estimator.predict(data[1]), whole.estimator.predict(data[1]))


@pytest.mark.parametrize("name", ["n_estimators of boosting", "max_iter that counts in all"])
def test_the_last_step_is_what_fit_would_have_made(name: str) -> None:
    estimator, data = CASES[name]
    _, (stepwise,) = run(estimator, data)
    whole = clone(estimator).fit(data[0], data[2])
    assert np.allclose(stepwise.estimator.predict(data[1]), whole.predict(data[1]))


def test_a_pruned_training_ends() -> None:
    trial, ended = run(*CASES["n_estimators"], StopAfter(3))
    assert trial.state is TrialState.PRUNED
    assert list(trial.intermediate_values) == [1, 2, 3]
    assert not ended


def test_every_so_many_steps_and_the_last() -> None:
    trial, _ = run(*CASES["partial_fit"], every=2)
    assert list(trial.intermediate_values) == [2, 4, 5]


def test_without_checkpoints_a_paused_run_begins_anew() -> None:
    trial, (fitted,) = run(*CASES["partial_fit"], PauseAt([2]), checkpoint=False)
    assert list(trial.reports or ()) == [1, 2, 3, 4, 5]
    assert fitted.score == trial.value


def test_any_scorer_counts() -> None:
    estimator, data = CASES["n_estimators"]
    trial, (fitted,) = run(estimator, data, scoring="neg_log_loss")
    assert trial.value == get_scorer("neg_log_loss")(fitted.estimator, data[1], data[3])


def test_by_says_which_way() -> None:
    mlp = MLPClassifier((4,), max_iter=10, random_state=0)
    _, (passes,) = run(mlp, CANCER, by="partial_fit")
    _, (iterations,) = run(mlp, CANCER, by="max_iter")
    assert (passes.estimator.t_, iterations.estimator.t_) == (5 * len(CANCER[0]), 10 * len(CANCER[0]))


@pytest.mark.parametrize(
    ("estimator", "options", "error", "words"),
    [
        (SVC(), {}, TypeError, "SVC cannot be trained in steps: it has no partial_fit, nor warm_start"),
        (SGDClassifier(), {"by": "n_estimators"}, TypeError, "it has no n_estimators"),
        (LogisticRegression(solver="liblinear"), {}, TypeError, "cannot be trained in steps"),
        (ExtraTreesClassifier(3), {}, ValueError, "5 steps cannot share n_estimators=3"),
        (SGDClassifier(), {"by": "epochs"}, ValueError, "by= is one of 'partial_fit'"),
        (SGDClassifier(), {"steps": 0}, ValueError, "steps must be a whole number"),
    ],
)
def test_what_cannot_be_is_an_error(estimator: Any, options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run(estimator, CANCER, **options)
