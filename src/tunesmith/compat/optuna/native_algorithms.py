"""Which sampler and pruner of this library a study runs for those of Optuna's kind."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tunesmith.compat.optuna.pruners.base import NativePruner
from tunesmith.compat.optuna.pruners.native import AutoPruner
from tunesmith.compat.optuna.samplers.native import NativeSampler
from tunesmith.compat.optuna.samplers.partial_fixed import PartialFixedSampler
from tunesmith.history import History
from tunesmith.pruners.base import Pruner
from tunesmith.pruners.nop import NopPruner
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Space
from tunesmith.study import Study


class ElsewhereSampler(Sampler):
    """Proposes nothing: values come from elsewhere."""

    name: ClassVar[str] = "elsewhere"
    is_adaptive: ClassVar[bool] = False

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n points that say nothing of any parameter; see `Sampler.ask`."""
        return np.full((n, len(space)), np.nan), np.zeros(n, np.int64)


def native_sampler(sampler: Any, direction: str) -> Sampler:
    """Return what proposes in the study of this library.

    Args:
        sampler: of Optuna's kind.
        direction: of the study's first objective.

    Raises:
        TypeError: it is no sampler.
    """
    if isinstance(sampler, PartialFixedSampler):
        native_sampler(sampler.base_sampler, direction)  # which takes note of the direction
    if isinstance(sampler, NativeSampler):
        sampler.suit(direction == "maximize")
        return sampler.native if sampler.is_whole else ElsewhereSampler()
    if callable(getattr(sampler, "sample_independent", None)) and not isinstance(sampler, type):
        return ElsewhereSampler()
    raise TypeError(f"sampler= takes a sampler, such as TPESampler(); got {sampler!r}")


def used_by(sampler: Any, study: Study) -> None:
    """Let a sampler know of a study that it is for.

    Args:
        sampler: of Optuna's kind.
        study: of this library.
    """
    inner = sampler.base_sampler if isinstance(sampler, PartialFixedSampler) else sampler
    if isinstance(inner, NativeSampler):
        inner.used_by(study)


def native_pruner(pruner: Any, objectives: int) -> Pruner:
    """Return what decides in the study of this library; of several objectives Optuna has no reports, and nothing does.

    Raises:
        TypeError: it is no pruner.
    """
    if isinstance(pruner, NativePruner):
        return pruner.native if objectives == 1 else NopPruner()
    if callable(getattr(pruner, "prune", None)) and not isinstance(pruner, type):
        return AutoPruner().native  # never asked: the trial asks the program's own
    raise TypeError(f"pruner= takes a pruner, such as MedianPruner(); got {pruner!r}")
