"""Optuna's names over this library: ``import tunesmith.compat.optuna as optuna`` runs a program of Optuna 5 unchanged.

Each module has the name that it has in Optuna, and is imported when it is first used. `names.py` says where each of
Optuna's names is, and for the few that cannot be had, what to use instead.
"""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna.names import INNER_MODULES, OPTUNA_MODULES, TOP_NAMES, refusal, submodule
from tunesmith.compat.optuna.version import __version__ as __version__

_NAMES = ["__version__", *OPTUNA_MODULES, *TOP_NAMES]


def __getattr__(name: str) -> Any:
    if name == "__all__":  # for ``import *``; made here, since the reference's builder takes literal texts only
        value: Any = _NAMES
    elif name in TOP_NAMES:
        value = getattr(submodule(TOP_NAMES[name]), name)
    elif name in OPTUNA_MODULES or name in INNER_MODULES:
        value = submodule(name)
    else:
        raise refusal(__name__, name, _NAMES)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
