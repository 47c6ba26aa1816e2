"""Terminators under Optuna's names, beside those of the real Optuna."""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.terminator import (
    BaseTerminator,
    BestValueStagnationEvaluator,
    CrossValidationErrorEvaluator,
    EMMREvaluator,
    MedianErrorEvaluator,
    RegretBoundEvaluator,
    StaticErrorEvaluator,
    Terminator,
    TerminatorCallback,
    report_cross_validation_scores,
)


def bowl(trial: Any) -> float:
    return float(sum((trial.suggest_float(f"x{i}", -5, 5) - 1) ** 2 for i in range(2)))


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    found = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    found.optimize(bowl, n_trials=60)
    return found


def test_the_modules_have_optunas_names() -> None:
    for name in (
        "callback",
        "erroreval",
        "median_erroreval",
        "terminator",
        "improvement.evaluator",
        "improvement.emmr",
    ):
        importlib.import_module(f"tunesmith.compat.optuna.terminator.{name}")


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_study_ends_when_the_best_value_stays(direction: str) -> None:
    study = optuna.create_study(direction=direction)
    sign = 1 if direction == "minimize" else -1
    terminator = Terminator(BestValueStagnationEvaluator(max_stagnation_trials=5), min_n_trials=3)
    study.optimize(
        lambda trial: sign * abs(trial.number - 4.0) + 0 * trial.suggest_float("x", 0, 1),
        n_trials=50,
        callbacks=[TerminatorCallback(terminator)],
    )
    assert len(study.trials) == 4 + 1 + 6


def test_the_callback_ends_a_cross_validated_search() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    rng = np.random.default_rng(0)

    def objective(trial: optuna.Trial) -> float:
        scores = 0.9 - 0.01 * (trial.suggest_float("x", -1, 1)) ** 2 + rng.normal(0, 0.05, 5)
        report_cross_validation_scores(trial, scores)
        return float(scores.mean())

    study.optimize(objective, n_trials=60, callbacks=[TerminatorCallback()])
    assert 20 <= len(study.trials) < 60
    error = CrossValidationErrorEvaluator().evaluate(study.trials, study.direction)
    scores = study.best_trial.system_attrs["terminator:cv_scores"]
    assert error == pytest.approx(math.sqrt((1 / 5 + 1 / 4) * np.var(scores)))


def test_what_could_be_gained_becomes_less(study: optuna.Study) -> None:
    trials, direction = study.trials, study.direction
    assert RegretBoundEvaluator().evaluate(trials[:3], direction) == math.inf
    assert RegretBoundEvaluator().evaluate(trials[:20], direction) > 0
    emmr = [EMMREvaluator(seed=0).evaluate(trials[:k], direction) for k in (5, 60)]
    assert emmr[1] < 0.2 * emmr[0]
    assert EMMREvaluator(deterministic_objective=True, seed=0).evaluate(trials, direction) < emmr[0]
    assert EMMREvaluator().evaluate(trials[:1], direction) > 1e300


def test_emmr_with_the_median_ends_the_search(study: optuna.Study) -> None:
    emmr = EMMREvaluator(seed=0)
    error = MedianErrorEvaluator(emmr, warm_up_trials=5, n_initial_trials=10, threshold_ratio=0.2)
    assert error.evaluate(study.trials[:14], study.direction) == -sys.float_info.min
    assert Terminator(emmr, error).should_terminate(study)
    first = error.evaluate(study.trials, study.direction)
    assert error.evaluate(study.trials[:20], study.direction) == first  # it stays what it was


def test_a_terminator_of_ones_own(study: optuna.Study) -> None:
    class Never(BaseTerminator):
        def should_terminate(self, study: Any) -> bool:
            return False

    other = optuna.create_study()
    other.optimize(bowl, n_trials=3, callbacks=[TerminatorCallback(Never())])
    assert len(other.trials) == 3
    assert Terminator(error_evaluator=StaticErrorEvaluator(1e9)).should_terminate(study)
    assert not Terminator(error_evaluator=StaticErrorEvaluator(1e9), min_n_trials=61).should_terminate(study)


def test_what_is_wrong_is_said(study: optuna.Study) -> None:
    with pytest.raises(ValueError, match="report_cross_validation_scores"):
        Terminator().should_terminate(study)
    with pytest.raises(ValueError, match="no trial is complete"):
        BestValueStagnationEvaluator().evaluate([], study.direction)
    with pytest.raises(ValueError, match="two folds"):
        report_cross_validation_scores(study.ask(), [0.5])
    for make in (
        lambda: Terminator(min_n_trials=0),
        lambda: BestValueStagnationEvaluator(-1),
        lambda: EMMREvaluator(min_n_trials=1),
        lambda: MedianErrorEvaluator(EMMREvaluator(), threshold_ratio=0),
    ):
        with pytest.raises(ValueError, match="must be"):
            make()
