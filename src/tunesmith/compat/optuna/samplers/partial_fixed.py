"""A sampler that holds some parameters and leaves the others to another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.samplers.base import BaseSampler
from tunesmith.compat.optuna.trial_state import TrialState


@experimental_class("2.4.0")
class PartialFixedSampler(BaseSampler):
    """Holds some parameters at given values; another sampler proposes the others.

    Args:
        fixed_params: values by name.
        base_sampler: who proposes the others.

    Attributes:
        base_sampler: who proposes the others.
    """

    def __init__(self, fixed_params: dict[str, Any], base_sampler: BaseSampler) -> None:
        self._fixed_params = fixed_params
        self.base_sampler = base_sampler

    def reseed_rng(self) -> None:
        """Begin another sequence of random numbers."""
        self.base_sampler.reseed_rng()

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the other sampler proposes together, without what is held."""
        found = self.base_sampler.infer_relative_search_space(study, trial)
        return {name: distribution for name, distribution in found.items() if name not in self._fixed_params}

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the proposal of the other sampler."""
        return self.base_sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value that is held, or what the other sampler says."""
        if param_name not in self._fixed_params:
            return self.base_sampler.sample_independent(study, trial, param_name, param_distribution)
        value = self._fixed_params[param_name]
        if not param_distribution._contains(param_distribution.to_internal_repr(value)):
            caution(f"the fixed value {value!r} of {param_name!r} lies outside of {param_distribution!r}; it is used")
        return value

    def before_trial(self, study: StudyLike, trial: FrozenTrial) -> None:
        """Let the other sampler prepare."""
        self.base_sampler.before_trial(study, trial)

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the other sampler take note."""
        self.base_sampler.after_trial(study, trial, state, values)
