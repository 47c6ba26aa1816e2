"""Samplers by class name; each is imported when it is first used.

To read the code, begin with ``base.py`` and ``random.py``; the simple samplers are single files, the others have rooms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation import registry
from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:  # for type checkers; tests/samplers/test_registry.py compares these names with the registry
    from tunesmith.samplers.auto import AutoSampler as AutoSampler
    from tunesmith.samplers.base import Sampler as Sampler
    from tunesmith.samplers.evolutionary.cmaes import CmaEsSampler as CmaEsSampler
    from tunesmith.samplers.evolutionary.evolution import EvolutionSampler as EvolutionSampler
    from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler as NSGA2Sampler
    from tunesmith.samplers.evolutionary.nsga3 import NSGA3Sampler as NSGA3Sampler
    from tunesmith.samplers.evolutionary.population_based import PopulationBasedTraining as PopulationBasedTraining
    from tunesmith.samplers.gp import GPSampler as GPSampler
    from tunesmith.samplers.grid import GridSampler as GridSampler
    from tunesmith.samplers.qmc import QMCSampler as QMCSampler
    from tunesmith.samplers.random import RandomSampler as RandomSampler
    from tunesmith.samplers.tpe import TPESampler as TPESampler

    NSGAIISampler = NSGA2Sampler
    NSGAIIISampler = NSGA3Sampler
    from tunesmith.samplers.gp.surrogate import MIN_SURROGATE_TRIALS as MIN_SURROGATE_TRIALS
    from tunesmith.samplers.gp.surrogate import SURROGATE_PRIOR as SURROGATE_PRIOR
    from tunesmith.samplers.gp.surrogate import has_enough_trials as has_enough_trials

# The registry's classes, the contract, and second names that Optuna has, so that porting is a change of import.
_TARGETS = {
    **{target.partition(":")[2]: target for target in registry.SAMPLERS.values()},
    "Sampler": "tunesmith.samplers.base:Sampler",
    "NSGAIISampler": registry.SAMPLERS["nsga2"],
    "NSGAIIISampler": registry.SAMPLERS["nsga3"],
}
__all__ = sorted(_TARGETS)  # made from the registry: a new sampler is one line there

# What satellites use besides, see docs/satellites.md.
_FOR_SATELLITES = {
    "MIN_SURROGATE_TRIALS": "tunesmith.samplers.gp.surrogate",
    "SURROGATE_PRIOR": "tunesmith.samplers.gp.surrogate",
    "has_enough_trials": "tunesmith.samplers.gp.surrogate",
}

__getattr__, __dir__ = lazy(__name__, {**_TARGETS, **_FOR_SATELLITES})
