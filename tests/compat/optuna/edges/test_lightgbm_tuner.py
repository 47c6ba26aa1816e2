"""The LightGBM tuner: its steps, what it finds, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna

lightgbm = pytest.importorskip("lightgbm")
import tunesmith.compat.optuna.integration.lightgbm as lgb  # noqa: E402 - it needs LightGBM when it is imported
from tunesmith.compat.optuna.integration.lightgbm import aliases  # noqa: E402 - as above

PARAMS = {"objective": "regression", "verbosity": -1, "num_threads": 1, "deterministic": True, "seed": 0}
STEPS = ["feature_fraction"] * 7 + ["num_leaves"] * 20 + ["bagging"] * 10
QUIET: dict[str, Any] = {"show_progress_bar": False, "optuna_seed": 0}


@pytest.fixture
def rows() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = X[:, 0] * 2 + X[:, 1] ** 2 + rng.normal(0, 0.2, 300)
    train = lightgbm.Dataset(X[:200], y[:200], free_raw_data=False)
    return train, lightgbm.Dataset(X[200:], y[200:], reference=train, free_raw_data=False)


def test_all_steps_are_run_in_order_and_each_begins_with_the_best_so_far(rows: tuple[Any, Any]) -> None:
    train, valid = rows
    seen: list[int] = []
    tuner = lgb.LightGBMTuner(
        PARAMS, train, 5, [valid], optuna_callbacks=[lambda study, trial: seen.append(trial.number)], **QUIET
    )
    tuner.run()
    trials = tuner.study.trials
    names = [trial.system_attrs["lightgbm_tuner:step_name"] for trial in trials]
    stage2 = names.count("feature_fraction_stage2")
    assert names == [
        *STEPS, *["feature_fraction_stage2"] * stage2, *["regularization_factors"] * 20, *["min_child_samples"] * 5
    ]  # fmt: skip
    assert 3 <= stage2 <= 6
    assert seen == list(range(len(trials)))
    assert set(trials[7].params) == {"num_leaves"}
    best = tuner.study.best_trial
    assert tuner.best_score == best.value
    assert tuner.best_params["min_child_samples"] == 20 or "min_child_samples" in best.params
    assert tuner.get_best_booster().best_score["valid_0"]["l2"] == tuner.best_score
    kept = json.loads(trials[7].system_attrs["lightgbm_tuner:lgbm_params"])
    first = min(trials[:7], key=lambda trial: trial.value or 0.0)
    assert kept["feature_fraction"] == first.params["feature_fraction"]
    assert best.user_attrs == {}


def test_train_stands_in_for_lightgbms_own(rows: tuple[Any, Any], tmp_path: Path) -> None:
    train, valid = rows
    plain = lightgbm.train(PARAMS, train, 5, [valid])
    # A budget that is over at once: nothing is tried, and there is no booster.
    with pytest.raises(ValueError, match="no trial is complete yet"):
        lgb.train(PARAMS, train, 5, [valid], time_budget=0, **QUIET)
    tuner = lgb.LightGBMTuner(PARAMS, train, 5, [valid], model_dir=str(tmp_path / "models"), **QUIET)
    tuner.tune_num_leaves(n_trials=4)
    assert lgb.Dataset is lightgbm.Dataset
    assert lgb.early_stopping is lightgbm.early_stopping
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["0.pkl", "1.pkl", "2.pkl", "3.pkl"]
    assert tuner.best_params["num_leaves"] == tuner.study.best_params["num_leaves"]
    assert plain.num_trees() == tuner.get_best_booster().num_trees() == 5
    with pytest.raises(AttributeError, match="did you mean 'train'"):
        _ = lgb.trai


def test_a_tuner_goes_on_where_another_one_stopped(rows: tuple[Any, Any], tmp_path: Path) -> None:
    train, valid = rows
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    options = {**QUIET, "model_dir": str(tmp_path)}
    study = optuna.create_study(storage=url, study_name="s")
    first = lgb.LightGBMTuner(PARAMS, train, 3, [valid], study=study, **options)
    first.tune_feature_fraction(n_trials=3)
    with pytest.raises(KeyboardInterrupt):
        lgb.LightGBMTuner(
            PARAMS, train, 3, [valid], study=study, optuna_callbacks=[_stopper(KeyboardInterrupt())], **options
        ).tune_num_leaves(3)
    again = optuna.load_study(study_name="s", storage=url)
    second = lgb.LightGBMTuner(PARAMS, train, 3, [valid], study=again, **options)
    second.tune_feature_fraction(n_trials=3)
    second.tune_num_leaves(n_trials=3)
    done = [
        t.system_attrs["lightgbm_tuner:step_name"] for t in again.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    ]
    assert done == ["feature_fraction"] * 3 + ["num_leaves"] * 3
    third = lgb.LightGBMTuner(PARAMS, train, 3, [valid], study=again, **options)
    assert third.get_best_booster().num_trees() == 3
    alone = lgb.LightGBMTuner(PARAMS, train, 3, [valid], study=again, **QUIET)
    with pytest.raises(ValueError, match="same model_dir="):
        alone.get_best_booster()


def _stopper(error: BaseException) -> Any:
    def stop(study: Any, trial: Any) -> None:
        raise error

    return stop


def test_folds_of_a_cross_validation(rows: tuple[Any, Any], tmp_path: Path) -> None:
    train, _ = rows
    tuner = lgb.LightGBMTunerCV(
        {**PARAMS, "metric": ["l2", "l1"]}, train, 3, nfold=3, stratified=False, return_cvbooster=True,
        model_dir=str(tmp_path), **QUIET,
    )  # fmt: skip
    tuner.tune_bagging(n_trials=3)
    assert len(tuner.study.trials) == 3
    assert len(tuner.get_best_booster().boosters) == 3
    other = lgb.LightGBMTunerCV({**PARAMS, "metric": ["l2", "l1"]}, train, study=tuner.study, **QUIET)
    with pytest.raises(ValueError, match="return_cvbooster=True"):
        other.get_best_booster()


@pytest.mark.filterwarnings("ignore:Overriding the parameters")  # of LightGBM, about any part of a data set
def test_few_rows_and_a_stop(rows: tuple[Any, Any]) -> None:
    train, valid = rows
    tuner = lgb.LightGBMTuner(
        PARAMS, train, 3, [valid], sample_size=100, optuna_callbacks=[lambda study, _: study.stop()], **QUIET
    )
    tuner.sample_train_set()
    tuner.tune_regularization_factors(n_trials=5)
    assert len(tuner.study.trials) == 1
    assert tuner.get_best_booster().num_trees() == 3


def test_an_objective_of_ones_own(rows: tuple[Any, Any]) -> None:
    train, valid = rows

    def halves(predicted: Any, data: Any) -> tuple[Any, Any]:
        return predicted - data.get_label(), np.ones(len(predicted))

    tuner = lgb.LightGBMTuner({**PARAMS, "objective": halves, "metric": "mse"}, train, 3, valid, **QUIET)
    tuner.tune_min_data_in_leaf()
    assert tuner.best_params["objective"] is halves
    assert json.loads(tuner.study.trials[0].system_attrs["lightgbm_tuner:lgbm_params"])["objective"] == "halves"


@pytest.mark.parametrize(
    ("params", "metric", "name", "high"),
    [
        ({}, "binary_logloss", "binary_logloss", False),
        ({"metric": "mse"}, "l2", "l2", False),
        ({"objective": "multiclass"}, "multi_logloss", "multi_logloss", False),
        ({"metric": ["l1", "auc"]}, "auc", "auc", True),
        ({"metric": "lambdarank"}, "ndcg", "ndcg@1", True),
        ({"metric": "map", "eval_at": 3}, "map", "map@3", True),
        ({"metric": "ndcg", "ndcg_at": [5, 10]}, "ndcg", "ndcg@5", True),
    ],
)
def test_the_metric_that_decides(params: dict[str, Any], metric: str, name: str, high: bool) -> None:
    found = aliases.with_main_metrics(params)
    assert aliases.deciding_metric(found) == metric
    assert aliases.reported_name(found) == name
    assert aliases.is_maximized(found) is high


def test_what_is_wrong_is_said(rows: tuple[Any, Any]) -> None:
    train, valid = rows
    with pytest.raises(ValueError, match="valid_sets= is missing"):
        lgb.LightGBMTuner(PARAMS, train)
    with pytest.raises(ValueError, match="direction='maximize'"):
        lgb.LightGBMTuner({**PARAMS, "metric": "auc"}, train, valid_sets=[valid], study=optuna.create_study())
    with pytest.raises(ValueError, match="metric takes the name"):
        lgb.LightGBMTuner({**PARAMS, "metric": 3}, train, valid_sets=[valid])
    with pytest.warns(UserWarning, match="feature_pre_filter is set to False"):
        lgb.LightGBMTuner({**PARAMS, "feature_pre_filter": True}, train, valid_sets=[valid])
    with pytest.warns(UserWarning, match="the same parameter of LightGBM"):
        assert aliases.with_main_names({"subsample": 0.5, "bagging": 0.6}) == {"bagging_fraction": 0.6}
