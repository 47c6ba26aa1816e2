"""The classes of ``optuna.integration``: those of optuna-integration run on our trials, and what they need for that."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.errors import MissingDependencyError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + 0.3 * RNG.normal(size=200) > 0).astype(int)
Objective = Callable[[Any], float]


def search(objective: Objective, pruner: Any = None, direction: str = "minimize", n_trials: int = 1) -> Any:
    study = optuna.create_study(direction=direction, pruner=pruner or optuna.pruners.NopPruner())
    study.optimize(objective, n_trials=n_trials)
    return study


@pytest.fixture
def peers() -> None:
    pytest.importorskip("optuna_integration", reason="optuna-integration is not installed")


class From(optuna.pruners.BasePruner):
    """Prunes at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def prune(self, study: Any, trial: Any) -> bool:
        return bool(trial.last_step >= self.step)


def xgboost_objective(trial: Any) -> float:
    xgboost = pytest.importorskip("xgboost")
    train, valid = xgboost.DMatrix(X[:100], Y[:100]), xgboost.DMatrix(X[100:], Y[100:])
    callback = optuna.integration.XGBoostPruningCallback(trial, "validation-logloss")
    params = {"objective": "binary:logistic", "nthread": 1, "eta": trial.suggest_float("eta", 0.1, 0.5)}
    xgboost.train(params, train, 6, evals=[(valid, "validation")], callbacks=[callback], verbose_eval=False)
    return 0.0


def xgboost_cv_objective(trial: Any) -> float:
    xgboost = pytest.importorskip("xgboost")
    callback = optuna.integration.XGBoostPruningCallback(trial, "test-logloss")
    params = {"objective": "binary:logistic", "nthread": 1, "eta": trial.suggest_float("eta", 0.1, 0.5)}
    found = xgboost.cv(params, xgboost.DMatrix(X, Y), 6, callbacks=[callback], as_pandas=False)
    return float(found["test-logloss-mean"][-1])


def lightgbm_objective(trial: Any) -> float:
    lightgbm = pytest.importorskip("lightgbm")
    train = lightgbm.Dataset(X[:100], Y[:100])
    callback = optuna.integration.LightGBMPruningCallback(trial, "binary_logloss")
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": trial.suggest_int("n", 2, 8)}
    model = lightgbm.train(
        params, train, 6, valid_sets=[lightgbm.Dataset(X[100:], Y[100:], reference=train)], callbacks=[callback]
    )
    return float(model.best_score["valid_0"]["binary_logloss"])


def lightgbm_cv_objective(trial: Any) -> float:
    lightgbm = pytest.importorskip("lightgbm")
    callback = optuna.integration.LightGBMPruningCallback(trial, "binary_logloss", "never_used")
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": trial.suggest_int("n", 2, 8)}
    found = lightgbm.cv(params, lightgbm.Dataset(X, Y), 6, callbacks=[callback])
    return float(found["valid binary_logloss-mean"][-1])


def catboost_objective(trial: Any) -> float:
    catboost = pytest.importorskip("catboost")
    model = catboost.CatBoostClassifier(
        iterations=6, depth=trial.suggest_int("depth", 1, 3), verbose=False, allow_writing_files=False, thread_count=1
    )
    callback = optuna.integration.CatBoostPruningCallback(trial, "Logloss")
    model.fit(X[:100], Y[:100], eval_set=(X[100:], Y[100:]), callbacks=[callback])
    callback.check_pruned()
    return float(model.get_best_score()["validation"]["Logloss"])


@pytest.mark.parametrize(
    "objective",
    [xgboost_objective, xgboost_cv_objective, lightgbm_objective, lightgbm_cv_objective, catboost_objective],
)
@pytest.mark.filterwarnings("ignore:.* is experimental", "ignore:.* has been deprecated")  # as they say there
@pytest.mark.usefixtures("peers")
def test_rounds_are_reported_from_0_and_the_pruner_ends_them(objective: Objective) -> None:
    whole = search(objective).trials[0]
    assert list(whole.intermediate_values) == [0, 1, 2, 3, 4, 5]
    study = search(objective, From(2))
    assert study.trials[0].state.name == "PRUNED"
    assert list(study.trials[0].intermediate_values) == [0, 1, 2]
    assert study.native.trials[0].reason == "Trial was pruned at iteration 2."


@pytest.mark.filterwarnings("ignore")  # of Lightning: few workers, no logger, and the like
@pytest.mark.usefixtures("peers")
def test_epochs_of_lightning() -> None:
    pytest.importorskip("lightning")
    import lightning.pytorch as pl
    import torch

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, _: int) -> Any:
            return torch.nn.functional.mse_loss(self.layer(batch[0])[:, 0], batch[1])

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val_loss", self.training_step(batch, 0))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    rows = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)), 50
    )

    def objective(trial: Any) -> float:
        callback = optuna.integration.PyTorchLightningPruningCallback(trial, monitor="val_loss")
        trainer = pl.Trainer(
            max_epochs=3, callbacks=[callback], logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        )  # fmt: skip
        trainer.fit(Module(), rows, rows)
        callback.check_pruned()
        return float(trainer.callback_metrics["val_loss"])

    pruned = search(objective, From(1)).trials[0]
    assert list(pruned.intermediate_values) == [0, 1]
    assert pruned.state.name == "PRUNED"


@pytest.mark.filterwarnings("ignore:.* is experimental", "ignore:.* has been deprecated")  # as they say there
@pytest.mark.usefixtures("peers")
def test_a_trial_that_several_processes_share(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch", exc_type=ImportError)
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)

    def objective(single: Any) -> float:
        trial = optuna.integration.TorchDistributedTrial(single)
        x = trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 0, 4, 2) + trial.suggest_uniform("u", 0, 1)
        trial.suggest_categorical("kind", ["a", "b"])
        trial.set_user_attr("note", 1)
        assert trial.user_attrs == {"note": 1}
        assert set(trial.params) == set(trial.distributions) == {"x", "n", "u", "kind"}
        assert trial.datetime_start is not None
        trial.report(x, 0)
        if trial.should_prune():
            raise optuna.TrialPruned
        return x

    try:
        study = search(objective, From(0))
    finally:
        torch.distributed.destroy_process_group()
    assert study.trials[0].state.name == "PRUNED"


def simple(trial: Any) -> float:
    return float(trial.suggest_float("x", -1, 1) ** 2)


@pytest.mark.filterwarnings("ignore:.* is experimental", "ignore:.* has been deprecated")  # as they say there
@pytest.mark.usefixtures("peers")
def test_runs_of_mlflow(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes MLflow 12 seconds to make
    callback = optuna.integration.MLflowCallback(
        (tmp_path / "runs").as_uri(), metric_name="loss", tag_study_user_attrs=True, mlflow_kwargs={"tags": {"a": "b"}}
    )
    study = optuna.create_study(study_name="s")
    study.set_user_attr("who", "me")

    @callback.track_in_mlflow()
    def objective(trial: Any) -> float:
        mlflow.log_param("inside", trial.number)
        trial.set_user_attr("note", "n")
        return simple(trial)

    try:
        study.optimize(objective, n_trials=2, callbacks=[callback])
        runs = mlflow.search_runs(experiment_names=["s"], output_format="list")
    finally:
        mlflow.set_tracking_uri(None)
    assert len(runs) == 2
    by_number = {run.data.tags["number"]: run.data for run in runs}
    data = by_number["1"]
    assert data.metrics == {"loss": study.trials[1].value}
    assert data.params["inside"] == "1"
    assert float(data.params["x"]) == study.trials[1].params["x"]
    assert (data.tags["state"], data.tags["direction"], data.tags["who"], data.tags["a"]) == (
        "COMPLETE", "MINIMIZE", "me", "b",
    )  # fmt: skip
    assert "FloatDistribution" in data.tags["x_distribution"]


# What makes studies of its own: in a process of its own, in which optuna was not imported before.
SEARCHES = """
import pickle
import sys

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression

import tunesmith.compat.optuna as optuna
import tunesmith.compat.optuna.integration.lightgbm as lgb
from tunesmith.compat.optuna.integration import LightGBMTunerCV, OptunaSearchCV, XGBoostPruningCallback

optuna.logging.set_verbosity(optuna.logging.ERROR)
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
y = (X[:, 0] + 0.3 * rng.normal(size=200) > 0).astype(int)
space = {"C": optuna.distributions.FloatDistribution(1e-2, 10, log=True)}
search = OptunaSearchCV(LogisticRegression(), space, n_trials=3, random_state=0).fit(X, y)
assert search.best_params_["C"] == search.best_estimator_.C
train = lightgbm.Dataset(X[:100], y[:100])
valid = lgb.Dataset(X[100:], y[100:], reference=train)
params = {"objective": "binary", "metric": "binary_logloss", "verbosity": -1, "num_threads": 1}
tuner = lgb.LightGBMTuner(params, train, 3, valid_sets=[valid], show_progress_bar=False)
tuner.run()
assert tuner.best_score == tuner.study.best_value == tuner.get_best_booster().best_score["valid_0"]["binary_logloss"]
folds = LightGBMTunerCV(params, lgb.Dataset(X, y), 3, show_progress_bar=False, time_budget=1)
folds.run()
assert 0 < folds.best_score < 0.7
for study in (search.study_, tuner.study, folds.study):
    assert type(study).__module__.startswith("tunesmith.") and study.native.trials
assert pickle.loads(pickle.dumps(XGBoostPruningCallback)) is XGBoostPruningCallback
assert not [name for name in sys.modules if name.partition(".")[0] in ("optuna", "optuna_integration")]
"""

# The real Optuna beside it: neither knows of the other.
BESIDE = """
import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.integration import XGBoostPruningCallback, lightgbm
import optuna as real
from optuna_integration.xgboost import XGBoostPruningCallback as TheirCallback

assert real.__name__ == "optuna" and real.create_study().__class__.__module__ == "optuna.study.study"
assert XGBoostPruningCallback is not TheirCallback
assert lightgbm.lightgbm.optuna is optuna
assert TheirCallback.__init__.__globals__["optuna"] is real
"""


@pytest.mark.filterwarnings("ignore:.* is experimental", "ignore:.* has been deprecated")
@pytest.mark.usefixtures("peers")
def test_the_sampler_on_the_package_cma_is_that_one() -> None:
    pytest.importorskip("cma")
    sampler = optuna.integration.PyCmaSampler(seed=0)
    assert type(sampler).__module__.startswith("tunesmith.compat.optuna.integration.cma")
    assert isinstance(sampler, optuna.samplers.BaseSampler)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: sum(trial.suggest_float(name, -1, 1) ** 2 for name in "xy"), n_trials=12)
    assert len(study.trials) == 12


@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("program", [SEARCHES, BESIDE], ids=["searches", "beside"])
def test_modules_of_optuna_integration_stand_on_this_package(program: str, tmp_path: Any) -> None:
    pytest.importorskip("lightgbm")
    pytest.importorskip("sklearn")
    if program is BESIDE:
        pytest.importorskip("optuna", reason="the real Optuna is not installed")
        pytest.importorskip("xgboost")
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


# -- what is refused ---------------------------------------------------------------------------------------------------

QUIET = """\
import logging
import tunesmith.compat.optuna as optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
try:
    optuna.integration.OptunaSearchCV
except (AttributeError, ImportError):
    pass
optuna.create_study().optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
assert len(logging.getLogger("optuna").handlers) == 1
"""


@pytest.mark.usefixtures("peers")
def test_the_log_stays_as_it_was_set(tmp_path: Any) -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """optuna-integration is not installed, and nothing of it was imported."""
    room = "tunesmith.compat.optuna.integration."
    for name in [
        name for name in sys.modules if name.startswith(room) and name.removeprefix(room) not in ("dask", "shap")
    ]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(vars(optuna.integration), name.removeprefix(room), raising=False)
    monkeypatch.setattr(optuna.integration, "_PEER", "a_package_that_nobody_has")


@pytest.mark.usefixtures("without_peers")
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("XGBoostPruningCallback", ""),
        ("LightGBMTuner", "; tunesmith.tune"),
        ("OptunaSearchCV", "; tunesmith.sklearn.SearchCV"),
        ("BoTorchSampler", "; samplers.GPSampler"),
        ("PyCmaSampler", "; samplers.CmaEsSampler"),
    ],
)
def test_a_package_that_is_not_installed_is_named(name: str, instead: str) -> None:
    home = optuna.integration._PEERS[name]
    with pytest.raises(MissingDependencyError, match=f"pip install optuna-integration{instead}"):
        getattr(optuna.integration, name)
    with pytest.raises(MissingDependencyError, match="pip install optuna-integration"):
        exec(f"from tunesmith.compat.optuna.integration.{home} import {name}")


@pytest.mark.usefixtures("peers")
def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="tensorflow"):
        optuna.integration.TFKerasPruningCallback(None, "loss")


def test_a_name_that_is_nowhere_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'XGBoostPruning'"):
        _ = optuna.integration.XGBoostPruning
    with pytest.raises(ModuleNotFoundError, match="theano"):
        exec("import tunesmith.compat.optuna.integration.theano")


def test_every_class_of_the_real_integration_is_here() -> None:
    real = pytest.importorskip("optuna").integration
    assert {*real.__all__} <= {*optuna.integration.__all__}


def test_a_dask_storage_is_a_file_that_other_processes_open() -> None:
    storage = optuna.integration.DaskStorage()
    study = optuna.create_study(storage=storage)
    copy = pickle.loads(pickle.dumps(study))
    copy.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    assert len(study.trials) == 3
    with pytest.raises(ValueError, match="in memory"):
        optuna.integration.dask.DaskStorage(optuna.storages.InMemoryStorage())


def test_shapley_values_need_no_shap() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 1, 3) ** 2 + 0.01 * t.suggest_int("n", 1, 9), n_trials=30)
    found = optuna.integration.ShapleyImportanceEvaluator().evaluate(study)
    assert list(found) == ["x", "n"]
    assert found["x"] >= found["n"] >= 0
    with pytest.warns(UserWarning, match="there is no forest"):
        optuna.integration.ShapleyImportanceEvaluator(n_trees=3)
