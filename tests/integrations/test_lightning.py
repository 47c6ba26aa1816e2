"""`TunesmithCallback` in real trainings of both packages of PyTorch Lightning."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.integrations.pausing import EachStep, StopsAt

import tunesmith as ts
from tunesmith.foundation.states import TrialState

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch", exc_type=ImportError)

EPOCHS = 4
X = torch.linspace(-1, 1, 32)[:, None]
# Lightning tells of few workers and of small logs, and torch of its own renamed parts.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def package(request: pytest.FixtureRequest) -> SimpleNamespace:
    name = request.param
    pl = pytest.importorskip(name, reason=f"needs {name.partition('.')[0]}", exc_type=ImportError)
    for logger in ("lightning.pytorch", "pytorch_lightning", "lightning.fabric"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    callback = importlib.import_module(f"tunesmith.integrations.{name.partition('.')[0]}").TunesmithCallback

    class Net(pl.LightningModule):
        def __init__(self, rate: float, of: str = "validation") -> None:
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
            self.rate, self.of = rate, of
            self.checks = 0

        def training_step(self, batch: Any, index: int) -> Any:
            loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
            if self.of == "training":
                self.log("val_loss", loss, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.checks += 1
            if self.of == "validation":
                self.log("val_loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]))
            elif self.of == "other":
                self.log("valid_loss", 1.0)
            elif self.of == "count":
                self.log("val_loss", float(self.checks))

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=self.rate)
            return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)]

    return SimpleNamespace(pl=pl, Callback=callback, Net=Net)


def fit(package: SimpleNamespace, trial: Any, folder: Path, of: str = "validation", **options: Any) -> Any:
    package.pl.seed_everything(trial.seed)
    rate = trial.suggest_float("rate", 1e-3, 1e-1, log=True)
    loader = torch.utils.data.DataLoader
    data = torch.utils.data.TensorDataset(X, torch.sin(3 * X))
    names = ("monitor", "checkpoint", "checkpoint_every", "cost")
    callback = package.Callback(trial, **{k: options.pop(k) for k in names if k in options})
    trainer = package.pl.Trainer(
        **{
            "max_epochs": EPOCHS,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": folder,
            **options,
            "callbacks": [callback, *options.get("callbacks", [])],
        }
    )
    module = package.Net(rate, of)
    trainer.fit(module, loader(data, 8, shuffle=True), loader(data, 16), ckpt_path=callback.ckpt_path)
    return trainer, module


def test_a_paused_training_equals_an_undisturbed_one(package: SimpleNamespace, tmp_path: Path) -> None:
    found = []
    for pruner, every in (("nop", 1), (EachStep(), 1), (EachStep(), "1 h")):  # it saves where it is told to pause
        last: list[Any] = []

        def objective(trial: ts.Trial, last: list[Any] = last, every: Any = every) -> float:
            stop = package.pl.callbacks.EarlyStopping("val_loss", patience=EPOCHS)
            trainer, module = fit(package, trial, tmp_path, callbacks=[stop], checkpoint_every=every)
            last.append([p.tolist() for p in module.parameters()])
            last.append([group["lr"] for group in trainer.optimizers[0].param_groups])
            last.append(float(stop.best_score))
            return float(trainer.callback_metrics["val_loss"])

        study = ts.create_study(seed=0, sampler="random", pruner=pruner)
        study.optimize(objective, n_trials=1)
        (trial,) = study.trials
        assert trial.attempt == (1 if pruner == "nop" else EPOCHS + 1)
        assert list(trial.intermediate_values) == list(range(1, EPOCHS + 1))
        found.append((dict(trial.intermediate_values), trial.value, last))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({}, {1: 2.0 + 2, 2: 6.0, 3: 8.0, 4: 10.0}),  # the two batches of the sanity check are counted, not reported
        ({"num_sanity_val_steps": 0}, {1: 2.0, 2: 4.0, 3: 6.0, 4: 8.0}),
        ({"num_sanity_val_steps": 0, "val_check_interval": 0.5}, {1: 4.0, 2: 8.0, 3: 12.0, 4: 16.0}),
        ({"num_sanity_val_steps": 0, "check_val_every_n_epoch": 2}, {2: 2.0, 4: 4.0}),
    ],
)
def test_one_report_an_epoch(
    package: SimpleNamespace, tmp_path: Path, options: dict[str, Any], values: dict[int, float]
) -> None:
    trial = ts.create_study(seed=0, sampler="random", pruner="nop").ask()
    fit(package, trial, tmp_path, "count", **options)
    # Lightning logs the mean over the two batches of a validation.
    assert trial.reports == {step: value - 0.5 for step, value in values.items()}


def test_a_metric_of_training_is_reported_each_epoch(package: SimpleNamespace, tmp_path: Path) -> None:
    trial = ts.create_study(seed=0, sampler="random", pruner="nop").ask()
    fit(package, trial, tmp_path, "training", check_val_every_n_epoch=2)
    assert list(trial.reports or ()) == [1, 2, 3, 4]


def test_what_the_module_logs_comes_along(package: SimpleNamespace, tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random", pruner="nop")

    def objective(trial: ts.Trial) -> float:
        fit(package, trial, tmp_path, "training")
        return 0.0

    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert {name: steps.tolist() for name, (steps, _) in trial.metrics.items()} == {
        name: [1, 2, 3, 4] for name in ("val_loss", "val_loss_step", "val_loss_epoch")
    }
    assert trial.metrics["val_loss"][1].tolist() == list(trial.intermediate_values.values())


def test_a_metric_that_is_not_logged_is_named(package: SimpleNamespace, tmp_path: Path) -> None:
    trial = ts.create_study(seed=0, sampler="random", pruner="nop").ask()
    with pytest.raises(ValueError, match="nothing was logged as 'val_loss'; did you mean 'valid_loss'"):
        fit(package, trial, tmp_path, "other")
    with pytest.raises(ValueError, match="nothing was logged as 'val_loss'"):
        fit(package, trial, tmp_path, "validation", limit_val_batches=0)
    assert trial.reports is None


def test_a_trial_that_is_pruned(package: SimpleNamespace, tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random", pruner=StopsAt(2))
    study.optimize(lambda trial: fit(package, trial, tmp_path) and 0.0, n_trials=1)
    assert study.trials[0].state is TrialState.PRUNED
    assert list(study.trials[0].intermediate_values) == [1, 2]


def test_a_fast_dev_run_and_a_training_without_checkpoints(package: SimpleNamespace, tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random", pruner="nop")
    trial = study.ask()
    fit(package, trial, tmp_path, fast_dev_run=True)
    assert trial.reports is None
    fit(package, trial, tmp_path, checkpoint=False, cost=2.0)
    assert list(trial.costs.values()) == [2.0] * 4
    assert list(trial.reports or ()) == [1, 2, 3, 4]
    assert not trial.artifacts
