"""Ray Tune's names over this library: ``from tunesmith.compat.ray import tune`` runs a program of Ray Tune 2 unchanged.

Trials run in processes of this machine, and Ray is not needed. Modules have the paths that they have in Ray, such as
``tunesmith.compat.ray.tune.schedulers``; `names.py` says of what cannot be had, what to use instead.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith.compat.ray.machine import cluster_resources, init, is_initialized, shutdown
from tunesmith.compat.ray.names import refuser

__all__ = ["cluster_resources", "init", "is_initialized", "shutdown"]
_MODULES = ("train", "tune")  # imported when they are first asked for
_refused = refuser(__name__)


def __getattr__(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}") if name in _MODULES else _refused(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
