"""Samplers by class name; each is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tunesmith import registry

if TYPE_CHECKING:
    from tunesmith.samplers.auto import AutoSampler
    from tunesmith.samplers.base import Sampler
    from tunesmith.samplers.evolutionary.cmaes import CmaEsSampler
    from tunesmith.samplers.evolutionary.evolution import EvolutionSampler
    from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler
    from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler as NSGAIISampler
    from tunesmith.samplers.gp.sampler import GPSampler
    from tunesmith.samplers.grid import GridSampler
    from tunesmith.samplers.qmc import QMCSampler
    from tunesmith.samplers.random import RandomSampler
    from tunesmith.samplers.tpe.sampler import TPESampler

__all__ = [
    "AutoSampler",
    "CmaEsSampler",
    "EvolutionSampler",
    "GPSampler",
    "GridSampler",
    "NSGA2Sampler",
    "NSGAIISampler",
    "QMCSampler",
    "RandomSampler",
    "Sampler",
    "TPESampler",
]

_TARGETS = {t.partition(":")[2]: t.partition(":")[0] for t in registry.SAMPLERS.values()}
_TARGETS["Sampler"] = "tunesmith.samplers.base"
# Second names, which Optuna has: porting is then a change of import.
_ALIASES = {"NSGAIISampler": "NSGA2Sampler"}


def __getattr__(name: str) -> Any:
    own = _ALIASES.get(name, name)
    if own not in _TARGETS:
        from tunesmith._elsewhere import missing

        raise missing(name, [*_TARGETS, *_ALIASES], "tunesmith.samplers")
    return getattr(importlib.import_module(_TARGETS[own]), own)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TARGETS, *_ALIASES})
