"""Callbacks of LightGBM and XGBoost that report after each round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.compat.ray.conftest import Fit

from tunesmith.compat.ray import tune
from tunesmith.compat.ray.tune.schedulers import ASHAScheduler

pytestmark = pytest.mark.slow  # the libraries take seconds to be imported
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + 0.3 * RNG.normal(size=200) > 0).astype(int)


def test_lightgbm_reports_each_round_and_saves_the_model(fit: Fit) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from tunesmith.compat.ray.tune.integration.lightgbm import TuneReportCheckpointCallback

    def train(config: dict[str, Any]) -> None:
        lightgbm.train(
            {"objective": "binary", "verbose": -1, "num_threads": 1, **config},
            lightgbm.Dataset(X[:150], Y[:150]),
            num_boost_round=6,
            valid_sets=[lightgbm.Dataset(X[150:], Y[150:])],
            valid_names=["eval"],
            callbacks=[TuneReportCheckpointCallback({"loss": "eval-binary_logloss"}, frequency=4)],
        )

    result = fit(train, {"learning_rate": tune.uniform(0.1, 0.3)})[0]
    assert result.error is None
    assert result.metrics["training_iteration"] == 6
    losses = result.metrics_dataframe["loss"].tolist()
    assert losses == sorted(losses, reverse=True)
    assert [metrics["training_iteration"] for _, metrics in result.best_checkpoints] == [4, 6]
    assert result.checkpoint is not None
    assert TuneReportCheckpointCallback.get_model(result.checkpoint).num_trees() == 6

    def validate(config: dict[str, Any]) -> None:
        lightgbm.cv(
            {"objective": "binary", "verbose": -1, "num_threads": 1, **config},
            lightgbm.Dataset(X, Y),
            num_boost_round=3,
            nfold=2,
            callbacks=[
                TuneReportCheckpointCallback({"loss": "valid-binary_logloss-mean", "sd": "valid-binary_logloss-stdv"})
            ],
        )

    folds = fit(validate, {}, {"name": "cv"})[0]
    assert folds.error is None
    assert folds.metrics["training_iteration"] == 3
    assert folds.metrics["sd"] > 0


def test_xgboost_reports_each_round_and_stops_early(fit: Fit) -> None:
    xgboost = pytest.importorskip("xgboost")
    from tunesmith.compat.ray.tune.integration.xgboost import TuneReportCheckpointCallback

    def train(config: dict[str, Any]) -> None:
        xgboost.train(
            {"objective": "binary:logistic", "eval_metric": ["logloss", "error"], "nthread": 1, **config},
            xgboost.DMatrix(X[:150], Y[:150]),
            num_boost_round=6,
            evals=[(xgboost.DMatrix(X[150:], Y[150:]), "test")],
            verbose_eval=False,
            callbacks=[TuneReportCheckpointCallback(frequency=1, filename="model.json")],
        )

    results = fit(
        train,
        {"eta": tune.grid_search([0.3, 0.001])},
        metric="test-logloss",
        scheduler=ASHAScheduler(max_t=4, reduction_factor=2),
        max_concurrent_trials=1,
    )
    assert not results.errors
    assert [result.metrics["training_iteration"] for result in results] == [4, 1]
    best = results.get_best_result()
    assert best.config == {"eta": 0.3}
    assert best.checkpoint is not None
    model = TuneReportCheckpointCallback.get_model(best.checkpoint, filename="model.json")
    assert model.num_boosted_rounds() == 4
