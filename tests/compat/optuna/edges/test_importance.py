"""Importances under Optuna's names, beside those of the real Optuna."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)


def branin_like(trial: Any) -> float:
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_int("y", 1, 10)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    extra = trial.suggest_float("extra", 0, 1) if kind == "b" else 0.0
    return float(x**2 + 0.1 * y + 0.01 * extra)


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    found = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    found.optimize(branin_like, n_trials=60)
    return found


EVALUATORS = [PedAnovaImportanceEvaluator, FanovaImportanceEvaluator, MeanDecreaseImpurityImportanceEvaluator]


@pytest.mark.parametrize("make", EVALUATORS)
def test_shares_add_up_and_the_largest_is_first(study: optuna.Study, make: Any) -> None:
    found = get_param_importances(study, evaluator=make())
    assert next(iter(found)) == "x"
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert math.isclose(sum(found.values()), 1.0)
    assert ("extra" in found) == (make is PedAnovaImportanceEvaluator)
    if make is not FanovaImportanceEvaluator:  # which takes a second
        assert set(get_param_importances(study, evaluator=make(), params=["y", "x"], normalize=False)) == {"x", "y"}
    assert get_param_importances(study, evaluator=make(), params=[]) == {}


def test_the_order_is_that_of_the_real_optuna(study: optuna.Study) -> None:
    real = pytest.importorskip("optuna")
    real.logging.set_verbosity(real.logging.WARNING)
    theirs = real.create_study(sampler=real.samplers.RandomSampler(seed=0))
    theirs.optimize(branin_like, n_trials=60)
    ours = optuna.create_study()
    ours.add_trials(theirs.trials)
    for name in ("PedAnovaImportanceEvaluator", "MeanDecreaseImpurityImportanceEvaluator"):
        options: dict[str, Any] = {} if name.startswith("Ped") else {"seed": 0}
        expected = real.importance.get_param_importances(theirs, evaluator=getattr(real.importance, name)(**options))
        found = get_param_importances(ours, evaluator=getattr(optuna.importance, name)(**options))
        assert next(iter(found)) == next(iter(expected)) == "x"
        if options:  # the same forest of the same columns
            assert found == pytest.approx(expected, abs=0.02)


def test_a_target_gets_optunas_trials(study: optuna.Study) -> None:
    found = get_param_importances(study, target=lambda trial: trial.params["y"] + trial.duration.total_seconds())
    assert next(iter(found)) == "y"


@pytest.mark.parametrize("options", [{"region_quantile": 0.5}, {"evaluate_on_local": False}, {"target_quantile": 0.3}])
def test_options_of_ped_anova(study: optuna.Study, options: dict[str, Any]) -> None:
    assert next(iter(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(**options)))) == "x"


def test_several_objectives() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), -t.suggest_float("x", 0, 1) + t.suggest_int("y", 1, 2)), 50)
    assert set(get_param_importances(study)) == {"x", "y"}
    with pytest.raises(ValueError, match="target=lambda t"):
        get_param_importances(study, evaluator=FanovaImportanceEvaluator())
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(), target=lambda t: t.values[0])
    assert next(iter(found)) == "x"


def test_too_few_trials_share_evenly() -> None:
    study = optuna.create_study()
    assert get_param_importances(study) == {}
    study.optimize(branin_like, n_trials=1)
    found = get_param_importances(study, params=["x", "y"])
    assert found == {"x": 0.5, "y": 0.5}


def test_an_evaluator_of_ones_own(study: optuna.Study) -> None:
    class Length(BaseImportanceEvaluator):
        def evaluate(self, study: Any, params: Any = None, *, target: Any = None) -> dict[str, float]:
            return {name: float(len(name)) for name in params}

    assert get_param_importances(study, evaluator=Length(), params=["x", "kind"]) == {"x": 0.2, "kind": 0.8}


def test_what_is_wrong_is_said(study: optuna.Study) -> None:
    with pytest.raises(TypeError, match="BaseImportanceEvaluator"):
        get_param_importances(study, evaluator="fanova")  # type: ignore[arg-type]  # the wrong kind
    with pytest.raises(TypeError, match="list of parameter names"):
        get_param_importances(study, params="x")  # type: ignore[arg-type]  # the wrong kind
    with pytest.raises(ValueError, match="no complete trial has the parameter 'z'"):
        get_param_importances(study, params=["z"])
    with pytest.raises(ValueError, match="target_quantile < region_quantile"):
        PedAnovaImportanceEvaluator(target_quantile=0.5, region_quantile=0.4)
    with pytest.warns(UserWarning, match="n_trees= and max_depth= change nothing"):
        FanovaImportanceEvaluator(n_trees=10)


def test_fanova_answers_with_fewer_trials_than_a_model_needs():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: sum(trial.suggest_float(f"x{k}", 0, 1) for k in range(5)), n_trials=3)
    found = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    assert sorted(found) == [f"x{k}" for k in range(5)]
    assert sum(found.values()) == pytest.approx(1.0)
