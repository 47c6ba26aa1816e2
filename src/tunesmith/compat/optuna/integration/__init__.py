"""Optuna's ``integration``: the classes of its own package optuna-integration, which run on this library's trials.

Two stand here instead: `DaskStorage` and `ShapleyImportanceEvaluator`. Those that make studies (`OptunaSearchCV`, the
tuners of LightGBM) are had after `install()`: then optuna-integration stands on this package and not on Optuna.
Where there is no need of Optuna's names, `tunesmith.integrations` has callbacks that save checkpoints too.
"""

from __future__ import annotations

import importlib
import sys
from types import FunctionType, ModuleType
from typing import Any

from tunesmith.compat.optuna.logging import kept
from tunesmith.compat.optuna.names import OPTUNA_ROOM, refusal
from tunesmith.compat.optuna.version import __version__
from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.lazy import name_error

_OWN = {"DaskStorage": "dask", "ShapleyImportanceEvaluator": "shap"}
_PEERS = {
    "BoTorchSampler": "botorch",
    "CatBoostPruningCallback": "catboost",
    "CometCallback": "comet",
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
    "SkorchPruningCallback": "skorch",
    "TFKerasPruningCallback": "tfkeras",
    "TensorBoardCallback": "tensorboard",
    "TensorFlowPruningHook": "tensorflow",
    "TorchDistributedTrial": "pytorch_distributed",
    "TrackioCallback": "trackio",
    "WeightsAndBiasesCallback": "wandb",
    "XGBoostPruningCallback": "xgboost",
}
# Names that would bring studies of Optuna itself, and samplers that need large libraries -> what is here of the kind.
_SEARCHES = {
    **dict.fromkeys(
        ("LightGBMTuner", "LightGBMTunerCV", "train"),
        "tunesmith.tune(LGBMRegressor(), X, y) tunes LightGBM's estimators",
    ),
    "OptunaSearchCV": "tunesmith.sklearn.SearchCV searches any estimator",
}
_INSTEAD = {
    **_SEARCHES,
    "BoTorchSampler": "samplers.GPSampler is the Gaussian process of this library",
    "PyCmaSampler": "samplers.CmaEsSampler is the CMA-ES of this library",
}

__all__ = ["__version__", *_OWN, *_PEERS]


class PeerModule(ModuleType):
    """A module of this package whose names are those of the module of optuna-integration with its name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _peers_own(self.__name__.rpartition(".")[2], name)


def _peers_own(module: str, name: str) -> Any:
    """Return a name of optuna-integration.

    Raises:
        MissingDependencyError: the package is not installed.
        AttributeError: it has no such name, or the name would bring studies of Optuna itself.
    """
    instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else ""
    try:
        with kept():
            found = getattr(importlib.import_module(f"optuna_integration.{module}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("optuna", "optuna_integration"):
            raise
        raise MissingDependencyError(
            f"optuna.integration.{name} is of the package optuna-integration: pip install optuna-integration{instead}"
        ) from error
    if name in _SEARCHES and not _stands_on_ours(found):
        raise name_error(
            f"optuna.integration.{name} cannot be had here, since optuna-integration stands on Optuna itself: call "
            f"tunesmith.compat.optuna.install() before it is imported{instead}",
            f"{OPTUNA_ROOM}.integration",
            depth=3,
        )
    return found


def _stands_on_ours(found: Any) -> bool:
    """Tell whether the module that made a name has imported this package as Optuna."""
    kinds = (FunctionType, ModuleType, type)
    homes = (
        value.__name__ if isinstance(value, ModuleType) else value.__module__
        for value in vars(sys.modules[found.__module__]).values()
        if isinstance(value, kinds)
    )
    return any(home.startswith(OPTUNA_ROOM) for home in homes)


for _module in sorted({*_PEERS.values()}):
    globals()[_module] = sys.modules[f"{__name__}.{_module}"] = PeerModule(f"{__name__}.{_module}")


def __getattr__(name: str) -> Any:
    if name in _PEERS:
        return _peers_own(_PEERS[name], name)
    if name in _OWN or name in _OWN.values():
        module = importlib.import_module(f"{__name__}.{_OWN.get(name, name)}")
        return getattr(module, name) if name in _OWN else module
    raise refusal(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_OWN.values()})
