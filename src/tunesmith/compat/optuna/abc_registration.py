"""Where the real Optuna is imported too, as by optuna-integration: its ``isinstance`` takes objects of this package.

Optuna's base classes are abstract ones of ``abc``, with which other classes can be registered.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from tunesmith.compat.optuna import base_trial, distributions, frozen, running
from tunesmith.compat.optuna.pruners.base import BasePruner
from tunesmith.compat.optuna.samplers.base import BaseSampler

_known: set[int] = set()  # the modules of Optuna that know of this package


def make_known_to_optuna() -> None:
    """Register the classes of this package with those of the real Optuna, if that is imported."""
    real = sys.modules.get("optuna")
    if real is None or id(real) in _known or real.__name__ != "optuna":
        return
    with suppress(AttributeError):  # it is being imported
        pairs = [
            (real.trial.BaseTrial, base_trial.BaseTrial),
            (real.trial.Trial, running.Trial),
            (real.trial.FrozenTrial, frozen.FrozenTrial),
            (real.samplers.BaseSampler, BaseSampler),
            (real.pruners.BasePruner, BasePruner),
            (real.distributions.BaseDistribution, distributions.BaseDistribution),
            (real.distributions.FloatDistribution, distributions.FloatDistribution),
            (real.distributions.IntDistribution, distributions.IntDistribution),
            (real.distributions.CategoricalDistribution, distributions.CategoricalDistribution),
        ]
        for theirs, ours in pairs:
            theirs.register(ours)
        _known.add(id(real))
