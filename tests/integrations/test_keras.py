"""`TunesmithCallback` in real trainings of Keras 3, with PyTorch as its backend."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from tests.integrations.pausing import EachStep, StopsAt

import tunesmith as ts
from tunesmith.foundation.states import TrialState

pytest.importorskip("torch", reason="needs PyTorch: pip install torch", exc_type=ImportError)
keras = pytest.importorskip("keras", reason="needs Keras 3: pip install keras", exc_type=ImportError)

from tunesmith.integrations.keras import TunesmithCallback  # noqa: E402  it needs keras

EPOCHS = 4
X = np.linspace(-1, 1, 32)[:, None].astype("float32")
Y = np.sin(3 * X)
pytestmark = pytest.mark.filterwarnings("ignore")  # of torch, about what Keras calls


def fit(trial: Any, width: int = 8, callback: dict[str, Any] | None = None, **options: Any) -> Any:
    keras.utils.set_random_seed(trial.seed)
    rate = trial.suggest_float("rate", 1e-3, 1e-1, log=True)
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(width, "relu"),
            keras.layers.Dropout(0.2),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "mse", metrics=["mae"])
    ours = TunesmithCallback(trial, **(callback or {}))
    arguments = {"validation_data": (X, Y), "initial_epoch": ours.initial_epoch, "epochs": EPOCHS, "batch_size": 8}
    history = model.fit(X, Y, verbose=0, callbacks=[ours], **{**arguments, **options})
    return model, history.history


def asked(**options: Any) -> ts.Trial:
    return ts.create_study(seed=0, sampler="random", pruner="nop", **options).ask()


def test_a_paused_training_equals_an_undisturbed_one() -> None:
    found = []
    for pruner, every in (("nop", 1), (EachStep(), 1), (EachStep(), "1 h")):  # it saves where it is told to pause
        last: list[Any] = []

        def objective(trial: ts.Trial, last: list[Any] = last, every: Any = every) -> float:
            model, history = fit(trial, callback={"checkpoint_every": every})
            last.append([w.tolist() for w in model.get_weights()])
            last.append(random.random())
            return float(history["val_loss"][-1])

        study = ts.create_study(seed=0, sampler="random", pruner=pruner)
        study.optimize(objective, n_trials=1)
        (trial,) = study.trials
        assert trial.attempt == (1 if pruner == "nop" else EPOCHS + 1)
        assert list(trial.intermediate_values) == [1, 2, 3, 4]
        found.append((dict(trial.intermediate_values), trial.value, last))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, [1, 2, 3, 4]),
        ({"validation_freq": 2}, [2, 4]),
        ({"validation_data": None, "callback": {"monitor": "loss"}}, [1, 2, 3, 4]),
        ({"callback": {"monitor": "val_mae", "checkpoint": False, "cost": 1.0}}, [1, 2, 3, 4]),
    ],
)
def test_one_report_an_epoch(options: dict[str, Any], steps: list[int]) -> None:
    trial = asked()
    fit(trial, **options)
    assert list(trial.reports or ()) == steps
    assert "cost" not in options.get("callback", {}) or list(trial.costs.values()) == [1.0] * len(steps)
    assert bool(trial.artifacts) == ("checkpoint" not in options.get("callback", {}))


def test_all_metrics_of_the_logs_are_logged() -> None:
    study = ts.create_study(seed=0, sampler="random", pruner="nop")
    study.optimize(lambda trial: fit(trial, validation_freq=2) and 0.0, n_trials=1)
    (trial,) = study.trials
    assert {name: steps.tolist() for name, (steps, _) in trial.metrics.items()} == {
        "loss": [1, 2, 3, 4],
        "mae": [1, 2, 3, 4],
        "val_loss": [2, 4],
        "val_mae": [2, 4],
    }
    assert trial.metrics["val_loss"][1].tolist() == list(trial.intermediate_values.values())


def test_a_trial_that_is_pruned() -> None:
    study = ts.create_study(seed=0, sampler="random", pruner=StopsAt(2))
    study.optimize(lambda trial: fit(trial) and 0.0, n_trials=1)
    assert study.trials[0].state is TrialState.PRUNED
    assert list(study.trials[0].intermediate_values) == [1, 2]


def test_a_metric_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="the logs have no 'val_los'; did you mean 'val_loss'"):
        fit(asked(), callback={"monitor": "val_los"})
    with pytest.raises(ValueError, match="the logs have no 'accuracy'"):
        fit(asked(), callback={"monitor": "accuracy"})
    with pytest.raises(ValueError, match=r"the logs have no 'val_loss'.*validation_data"):
        fit(asked(), validation_data=None)


def test_what_cannot_go_on() -> None:
    def go_on(**options: Any) -> None:
        study = ts.create_study(seed=0, sampler="random", pruner=StopsAt(2))
        trial = study.ask()
        with pytest.raises(ts.TrialPruned):
            fit(trial)
        study.release([trial.number])
        fit(study.ask(), **options)

    with pytest.raises(ValueError, match=r"of shape \(1, 9\), and one of \(1, 8\) was saved"):
        go_on(width=9)
    with pytest.raises(ValueError, match=r"initial_epoch=callback\.initial_epoch"):
        go_on(initial_epoch=0)
