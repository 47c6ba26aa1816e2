"""LightGBM with a tuner in it: ``import tunesmith.compat.optuna.integration.lightgbm as lgb`` in LightGBM's place.

`train` tunes; `LightGBMTuner` and `LightGBMTunerCV` are the objects behind it. All other names are LightGBM's own.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith.compat.optuna.names import refusal

_HOMES = {
    "LightGBMPruningCallback": "pruning",
    "LightGBMTuner": "tuners",
    "LightGBMTunerCV": "tuners",
    "train": "tuners",
}

__all__ = ["LightGBMPruningCallback", "LightGBMTuner", "LightGBMTunerCV", "train"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        import lightgbm

        if name.startswith("__") or not hasattr(lightgbm, name):
            raise refusal(__name__, name, __all__)
        value = getattr(lightgbm, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    import lightgbm

    return sorted({*globals(), *__all__, *lightgbm.__all__})
