"""The callbacks of ``optuna.integration``: what they report, when they prune, and what is refused."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import types
from collections.abc import Callable, Iterator
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
    return float(callback.last or 0.0)


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
def test_rounds_are_reported_from_0_and_the_pruner_ends_them(objective: Objective) -> None:
    whole = search(objective).trials[0]
    assert list(whole.intermediate_values) == [0, 1, 2, 3, 4, 5]
    assert whole.value == pytest.approx(whole.intermediate_values[5], abs=1e-6) or objective is catboost_objective
    study = search(objective, From(2))
    assert study.trials[0].state.name == "PRUNED"
    assert list(study.trials[0].intermediate_values) == [0, 1, 2]
    assert study.native.trials[0].reason == "Trial was pruned at iteration 2."


def test_what_lightgbm_has_to_know() -> None:
    pytest.importorskip("lightgbm")
    with pytest.raises(ValueError, match="direction='minimize'"):
        search(lightgbm_objective, direction="maximize")

    def other(trial: Any) -> float:
        import lightgbm

        train = lightgbm.Dataset(X[:100], Y[:100])
        callback = optuna.integration.LightGBMPruningCallback(trial, "auc", report_interval=4)
        params = {"objective": "binary", "metric": "auc", "verbosity": -1, "num_threads": 1}
        lightgbm.train(params, train, 8, valid_sets=[lightgbm.Dataset(X[100:], Y[100:])], callbacks=[callback])
        return float(callback.last or 0.0)

    assert list(search(other, direction="maximize").trials[0].intermediate_values) == [3, 7]


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras on PyTorch
def test_epochs_of_keras() -> None:
    keras = pytest.importorskip("keras")

    def objective(trial: Any) -> float:
        model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
        callbacks = [
            optuna.integration.KerasPruningCallback(trial, "val_loss", interval=2),
            optuna.integration.TFKerasPruningCallback(trial, "none_such"),
        ]
        with pytest.warns(UserWarning, match="no metric 'none_such'"):
            model.fit(X[:64], Y[:64], epochs=4, validation_data=(X[64:], Y[64:]), verbose=0, callbacks=callbacks)
        return 0.0

    trial = search(objective, From(3)).trials[0]
    assert list(trial.intermediate_values) == [1, 3]
    assert trial.state.name == "PRUNED"


@pytest.mark.filterwarnings("ignore")  # of Lightning: few workers, no logger, and the like
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


def test_the_handler_of_ignite() -> None:
    engine, trainer = types.SimpleNamespace(), types.SimpleNamespace(state=types.SimpleNamespace(epoch=0))

    def objective(trial: Any) -> float:
        handler = optuna.integration.PyTorchIgnitePruningHandler(trial, "accuracy", trainer)
        for epoch in (1, 2, 3):
            trainer.state.epoch, engine.state = epoch, types.SimpleNamespace(metrics={"accuracy": epoch / 10})
            handler(engine)
        return 0.3

    assert search(objective, direction="maximize").trials[0].intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert search(objective, From(2)).trials[0].state.name == "PRUNED"


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Imports a module of the integration with modules of a library that is not installed."""
    made: list[Any] = []

    def with_modules(module: str, **modules: Any) -> Any:
        for name, parts in modules.items():
            library = types.ModuleType(name.replace("__", "."))
            library.__dict__.update(parts)
            monkeypatch.setitem(sys.modules, library.__name__, library)
        made.append(importlib.import_module(f"tunesmith.compat.optuna.integration.{module}"))
        return made[-1]

    yield with_modules
    for module in made:
        for name in module.__all__:
            module.__dict__.pop(name, None)


class History(list[dict[str, float]]):
    """A history of skorch, which takes two indices."""

    def __getitem__(self, at: Any) -> Any:
        return super().__getitem__(at[0])[at[1]] if isinstance(at, tuple) else super().__getitem__(at)


def test_epochs_of_skorch(fresh: Callable[..., Any]) -> None:
    module = fresh("skorch", skorch={}, skorch__callbacks={"Callback": object})

    def objective(trial: Any) -> float:
        callback, net = module.SkorchPruningCallback(trial, "valid_acc"), types.SimpleNamespace(history=History())
        callback.on_epoch_end(net)
        for value in (0.1, 0.2):
            net.history.append({"valid_acc": value})
            callback.on_epoch_end(net)
        return 0.2

    assert search(objective).trials[0].intermediate_values == {0: 0.1, 1: 0.2}
    assert search(objective, From(0)).trials[0].state.name == "PRUNED"


def test_epochs_of_fastai(fresh: Callable[..., Any]) -> None:
    class CancelFitError(Exception):
        pass

    class Tracker:
        def __init__(self, monitor: str) -> None:
            self.idx = ["train_loss", "valid_loss"].index(monitor)

        def after_epoch(self) -> None: ...

        def after_fit(self) -> None: ...

    module = fresh(
        "fastaiv2", fastai={}, fastai__callback={},
        fastai__callback__core={"CancelFitException": CancelFitError},
        fastai__callback__tracker={"TrackerCallback": Tracker},
    )  # fmt: skip
    assert module.FastAIPruningCallback is module.FastAIV2PruningCallback

    def objective(trial: Any) -> float:
        callback = module.FastAIV2PruningCallback(trial)
        try:
            for callback.epoch in range(3):
                callback.recorder = types.SimpleNamespace(final_record=[0.0, callback.epoch / 10])
                callback.after_epoch()
        except CancelFitError:
            pass
        callback.after_fit()
        return 0.2

    assert search(objective).trials[0].intermediate_values == {0: 0.0, 1: 0.1, 2: 0.2}
    pruned = search(objective, From(1)).trials[0]
    assert (pruned.state.name, pruned.last_step) == ("PRUNED", 1)


def test_a_library_that_is_not_installed_is_named() -> None:
    for name, package in (("SkorchPruningCallback", "skorch"), ("FastAIPruningCallback", "fastai")):
        if importlib.util.find_spec(package) is None:
            with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
                getattr(optuna.integration, name)


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
        trial.set_constraint("c", -1.0)
        assert trial.user_attrs == {"note": 1}
        assert trial.constraints == {"c": -1.0}
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
    assert study.native.trials[0].constraints == {"c": -1.0}


# -- trackers ----------------------------------------------------------------------------------------------------------


def simple(trial: Any) -> float:
    return float(trial.suggest_float("x", -1, 1) ** 2)


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
        trial.set_user_attr("note", "n" * 6000)
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
    assert len(data.tags["note"]) == 5000
    assert "FloatDistribution" in data.tags["x_distribution"]


def test_folders_of_tensorboard(tmp_path: Any) -> None:
    pytest.importorskip("tensorboardX")
    search_with = optuna.create_study(study_name="s")
    search_with.optimize(simple, n_trials=2, callbacks=[optuna.integration.TensorBoardCallback(str(tmp_path), "loss")])
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["0", "1"]


class Run:
    """A run of Weights & Biases that writes down what it is told."""

    def __init__(self) -> None:
        self.name, self.logged, self.config, self.tags, self.ended = "calm-lake", [], {}, (), False
        self.logged: list[tuple[dict[str, Any], Any]] = []

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        self.logged.append((values, step))

    def finish(self) -> None:
        self.ended = True


@pytest.mark.parametrize("many", [False, True])
def test_runs_of_wandb(monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    module = pytest.importorskip("tunesmith.compat.optuna.integration.wandb", exc_type=ImportError)
    runs: list[Run] = []

    def init(**options: Any) -> Run:
        assert options == {"project": "p", "tags": ["t"]}
        runs.append(Run())
        return runs[-1]

    monkeypatch.setattr(module.wandb, "init", init)
    monkeypatch.setattr(module.wandb, "run", None)
    callback = module.WeightsAndBiasesCallback(["loss"], {"project": "p", "tags": ["t"]}, as_multirun=many)
    if not many:
        monkeypatch.setattr(module.wandb, "run", runs[0])
    study = optuna.create_study(study_name="s")
    study.optimize(callback.track_in_wandb()(simple) if not many else simple, n_trials=2, callbacks=[callback])
    values = [{"x": trial.params["x"], "loss": trial.value} for trial in study.trials]
    if many:
        assert [run.logged for run in runs] == [[({**v, "trial_number": i}, None)] for i, v in enumerate(values)]
        assert (runs[1].name, runs[1].tags, runs[1].ended) == ("trial/1/calm-lake", ("t", "s"), True)
    else:
        assert runs[0].logged == [(v, i) for i, v in enumerate(values)]
        assert runs[0].config == {"direction": ["MINIMIZE"]}
    with pytest.raises(TypeError, match="metric_name takes a text"):
        module.WeightsAndBiasesCallback(3)


# -- names -------------------------------------------------------------------------------------------------------------

REFUSED = {
    "CometCallback": "comet",
    "TensorFlowPruningHook": "tensorflow",
    "TrackioCallback": "trackio",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_had_says_what_to_use(name: str) -> None:
    with pytest.raises(AttributeError, match=f"{name} cannot be had here: "):
        getattr(optuna.integration, name)
    for module in ("", f".{REFUSED[name]}"):
        with pytest.raises(ImportError, match=f"{name} cannot be had here: "):
            exec(f"from tunesmith.compat.optuna.integration{module} import {name}")


def test_every_class_of_the_real_integration_is_here_or_refused() -> None:
    real = pytest.importorskip("optuna").integration
    assert {*real.__all__} <= {*optuna.integration.__all__, *REFUSED}


def test_pycma_is_our_own() -> None:
    with pytest.warns(UserWarning, match="cma_opts= changes nothing"):
        sampler = optuna.integration.PyCmaSampler(x0={"x": 0.5}, cma_opts={"verbose": 1}, seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(simple, n_trials=4)
    assert len(study.trials) == 4


def test_a_dask_storage_is_a_file_that_other_processes_open() -> None:
    storage = optuna.integration.DaskStorage()
    study = optuna.create_study(storage=storage)
    copy = pickle.loads(pickle.dumps(study))
    copy.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    assert len(study.trials) == 3
    with pytest.raises(ValueError, match="in memory"):
        optuna.integration.dask.DaskStorage(optuna.storages.InMemoryStorage())


def test_a_botorch_sampler_needs_no_botorch() -> None:
    def constraints(trial: Any) -> Any:
        return trial.user_attrs["constraint"]

    def objective(trial: Any) -> tuple[float, float]:
        x, y = trial.suggest_float("x", -15, 30), trial.suggest_float("y", -15, 30)
        trial.set_user_attr("constraint", (x - 5, y - 5))
        return x**2 + y**2, (x - 5) ** 2 + (y - 5) ** 2

    sampler = optuna.integration.BoTorchSampler(constraints_func=constraints, n_startup_trials=4)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    study.optimize(objective, n_trials=8)
    assert all(max(trial.user_attrs["constraint"]) <= 0 for trial in study.best_trials)
    with pytest.warns(UserWarning, match="candidates_func= is not followed"):
        optuna.integration.BoTorchSampler(candidates_func=constraints)


def test_shapley_values_need_no_shap() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 1, 3) ** 2 + 0.01 * t.suggest_int("n", 1, 9), n_trials=30)
    found = optuna.integration.ShapleyImportanceEvaluator().evaluate(study)
    assert list(found) == ["x", "n"]
    assert found["x"] >= found["n"] >= 0
    with pytest.warns(UserWarning, match="there is no forest"):
        optuna.integration.ShapleyImportanceEvaluator(n_trees=3)
