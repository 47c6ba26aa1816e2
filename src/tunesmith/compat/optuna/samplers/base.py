"""The contract of a sampler as Optuna has it: what programs subclass to propose values themselves."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.trial_state import TrialState

ConstraintsFunc = Callable[[FrozenTrial], Sequence[float]]


class BaseSampler(ABC):
    """Proposes values of parameters.

    For each trial ``before_trial`` is called first; when the objective asks for its first value,
    ``infer_relative_search_space`` and ``sample_relative``, for values that depend on one another; for each parameter
    that these leave out, ``sample_independent``; and ``after_trial`` at the end.
    """

    def reseed_rng(self) -> None:  # noqa: B027 - not every sampler has random numbers
        """Begin another sequence of random numbers."""

    @abstractmethod
    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the distributions of the parameters that `sample_relative` is to propose together.

        Args:
            study: what is known so far.
            trial: the trial at hand.

        Returns:
            The distributions by name; empty: each parameter is proposed by itself.
        """

    @abstractmethod
    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values of parameters by name.

        Args:
            study: what is known so far.
            trial: the trial at hand.
            search_space: what `infer_relative_search_space` returned.

        Returns:
            Values by name; parameters that are left out are proposed by themselves.
        """

    @abstractmethod
    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value of one parameter.

        Args:
            study: what is known so far.
            trial: the trial at hand.
            param_name: the parameter's name.
            param_distribution: its distribution.

        Returns:
            The value.
        """

    def before_trial(self, study: StudyLike, trial: FrozenTrial) -> None:  # noqa: B027 - most have nothing to do here
        """Prepare for a trial that begins.

        Args:
            study: what is known so far.
            trial: the trial at hand.
        """

    def after_trial(  # noqa: B027 - most have nothing to do here
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Take note of how a trial ended, before that is stored.

        Args:
            study: what was known before.
            trial: the trial at hand, still RUNNING.
            state: how it ended.
            values: its values, of a complete trial.
        """

    def _raise_error_if_multi_objective(self, study: StudyLike) -> None:  # which optuna-integration's samplers call
        if len(study.directions) > 1:
            raise ValueError(
                f"{type(self).__name__} is for studies with one objective; use TPESampler or NSGAIISampler"
            )


def _process_constraints_after_trial(
    constraints_func: ConstraintsFunc, study: StudyLike, trial: FrozenTrial, state: TrialState
) -> None:
    """Set the constraints of a trial that has values; samplers of other libraries call this as well.

    Args:
        constraints_func: from a trial that ended, the values of its constraints.
        study: the study.
        trial: the trial at hand.
        state: how it ended.

    Raises:
        ValueError: a constraint is NaN.
    """
    if state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return
    constraints = list(constraints_func(trial))
    if any(map(math.isnan, constraints)):
        raise ValueError(f"constraints_func returned NaN for trial {trial.number}: {constraints}")
    for i, value in enumerate(constraints):
        study.constrain(trial.number, str(i), value)
