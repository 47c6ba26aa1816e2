"""Optuna's ``integration``: the modules of its own package optuna-integration, which stand on this package here.

Where optuna-integration is installed, its modules are made a second time below this one: in these copies ``import
optuna`` means this package. So no call of `install()` is needed, Optuna need not be installed, and ``import optuna``
in the program itself, or in ``optuna_integration``, is not touched.

Two stand here instead: `DaskStorage` and `ShapleyImportanceEvaluator`. Where there is no need of Optuna's names,
`tunesmith.integrations` has callbacks that save checkpoints too.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

from tunesmith.compat.optuna.names import OPTUNA_ROOM, refusal
from tunesmith.compat.optuna.version import __version__
from tunesmith.errors import MissingDependencyError

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
# What is here of the kind, by module.
_INSTEAD = {
    "lightgbm": "; tunesmith.tune(LGBMRegressor(), X, y) tunes LightGBM's estimators",
    "sklearn": "; tunesmith.sklearn.SearchCV searches any estimator",
    "botorch": "; samplers.GPSampler is the Gaussian process of this library",
    "cma": "; samplers.CmaEsSampler is the CMA-ES of this library",
}

__all__ = ["__version__", *_OWN, *_PEERS]

# -- copies of optuna-integration's modules, in which optuna is this package ------------------------------------------

_PEER = "optuna_integration"
_HERE_INSTEAD = {"optuna": OPTUNA_ROOM, _PEER: __name__}


def _import(
    name: str,
    globals: dict[str, Any] | None = None,
    locals: dict[str, Any] | None = None,
    fromlist: Sequence[str] = (),
    level: int = 0,
) -> ModuleType:
    """Import as ``import`` does, with this package in the place of Optuna; what the copies have as ``__import__``."""
    top, _, below = name.partition(".")
    if level or top not in _HERE_INSTEAD:
        return builtins.__import__(name, globals, locals, fromlist, level)
    here = _HERE_INSTEAD[top]
    full = f"{here}.{below}" if below else here
    if fromlist:
        return builtins.__import__(full, globals, locals, fromlist)
    importlib.import_module(full)
    return sys.modules[here]


class _Loader(SourceFileLoader):
    """Runs a module with the import of this package."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the copies, below this module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a copy is loaded; None: it is not one.

        Raises:
            MissingDependencyError: optuna-integration is not installed.
        """
        if not fullname.startswith(f"{__name__}."):
            return None
        below = fullname.removeprefix(f"{__name__}.")
        module = below.partition(".")[0]
        if module not in {*_PEERS.values(), "_imports", "version"}:
            return None
        folders = path if "." in below else _folders(module)
        for folder in folders or ():
            spec = FileFinder(folder, (_Loader, SOURCE_SUFFIXES)).find_spec(fullname)
            if spec is not None:
                return spec
        return None


def _folders(module: str) -> Sequence[str]:
    """Return where optuna-integration is installed; MissingDependencyError if it is not."""
    spec = PathFinder.find_spec(_PEER)  # which asks no module: the one of that name has no spec once it is imported
    if spec is None or spec.submodule_search_locations is None:
        raise MissingDependencyError(
            f"optuna.integration.{module} is of the package optuna-integration: pip install optuna-integration"
            f"{_INSTEAD.get(module, '')}"
        )
    return spec.submodule_search_locations


sys.meta_path.insert(0, _Finder())  # before the one that would find what lies below a copy without its import


def __getattr__(name: str) -> Any:
    if name in _PEERS:
        return getattr(importlib.import_module(f"{__name__}.{_PEERS[name]}"), name)
    if name in _PEERS.values():
        return importlib.import_module(f"{__name__}.{name}")
    if name in _OWN or name in _OWN.values():
        module = importlib.import_module(f"{__name__}.{_OWN.get(name, name)}")
        return getattr(module, name) if name in _OWN else module
    raise refusal(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_OWN.values(), *_PEERS.values()})
