"""Optuna's ``integration``: the callbacks for training libraries and trackers, `OptunaSearchCV` and the LightGBM tuner.

The names are those of ``optuna.integration`` and of the package optuna-integration, one module a library; each is
imported when it is first used. They stand on `tunesmith.integrations` where that has the library.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith.compat.optuna.names import refusal
from tunesmith.compat.optuna.version import __version__

_HOMES = {
    "BoTorchSampler": "botorch",
    "CatBoostPruningCallback": "catboost",
    "DaskStorage": "dask",
    "FastAIPruningCallback": "fastaiv2",
    "FastAIV2PruningCallback": "fastaiv2",
    "KerasPruningCallback": "keras",
    "LightGBMPruningCallback": "lightgbm",
    "LightGBMTuner": "lightgbm",
    "LightGBMTunerCV": "lightgbm",
    "MLflowCallback": "mlflow",
    "OptunaSearchCV": "sklearn",
    "PyCmaSampler": "cma",
    "PyTorchIgnitePruningHandler": "pytorch_ignite",
    "PyTorchLightningPruningCallback": "pytorch_lightning",
    "ShapleyImportanceEvaluator": "shap",
    "SkorchPruningCallback": "skorch",
    "TFKerasPruningCallback": "tfkeras",
    "TensorBoardCallback": "tensorboard",
    "TorchDistributedTrial": "pytorch_distributed",
    "WeightsAndBiasesCallback": "wandb",
    "XGBoostPruningCallback": "xgboost",
}
_WITHOUT = ("comet", "tensorflow", "trackio")  # modules that say what to use instead
_MODULES = sorted({*_HOMES.values(), *_WITHOUT})

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise refusal(__name__, name, [*_HOMES, *_MODULES])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
