"""What all samplers under Optuna's names share that are this library's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.parameters import parameter_of
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.samplers.base import BaseSampler
from tunesmith.compat.optuna.search_space import intersection_search_space
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.samplers.base import Sampler
from tunesmith.samplers.common.optuna_arguments import OptunaArgument
from tunesmith.space import Space

ConstraintsFunc = Callable[[FrozenTrial], Sequence[float]]
METHODS = ("before_trial", "infer_relative_search_space", "sample_relative", "sample_independent")
_warned: set[str] = set()


class NativeSampler(BaseSampler):
    """One of this library's samplers under the name that it has in Optuna.

    A study runs it as its own, so that nothing lies between them. Its methods are for samplers that are built on it.

    Args:
        native: the sampler of `tunesmith.samplers`.
        constraints_func: from a trial that ended, the values of its constraints.

    Attributes:
        native: the sampler of `tunesmith.samplers`.
    """

    def __init__(self, native: Sampler, constraints_func: ConstraintsFunc | None = None) -> None:
        self.native = native
        self._constraints_func = constraints_func
        self._rng = np.random.default_rng(getattr(native, "seed", None))

    @property
    def is_whole(self) -> bool:
        """Whether it is what its class was written as: a subclass may have methods of its own, which must be called."""
        kind = type(self)
        ours = next(cls for cls in kind.__mro__ if cls.__module__.startswith("tunesmith."))
        return all(getattr(kind, name) is getattr(ours, name) for name in METHODS)

    @property
    def watches_ends(self) -> bool:
        """Whether `after_trial` has anything to do."""
        return self._constraints_func is not None or type(self).after_trial is not NativeSampler.after_trial

    def suit(self, maximizes: bool) -> None:
        """Take note of whether the study that it is for maximizes its first objective."""

    def reseed_rng(self) -> None:
        """Begin another sequence of random numbers."""
        self._rng = np.random.default_rng()

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all trials so far have."""
        found = intersection_search_space(study.get_trials(deepcopy=False))
        return {name: distribution for name, distribution in found.items() if not distribution.single()}

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return one proposal over the search space."""
        if not search_space:
            return {}
        space = Space({name: parameter_of(distribution) for name, distribution in search_space.items()})
        x, _ = self.native.ask(study.native.history, space, self._rng, 1)
        if len(x) == 0:  # the sampler has proposed all that it has
            study.native.engine.stop_requested = True
            x = space.sample(self._rng, 1)
        return space.decode_row(x[0])

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value of one parameter, as if it were alone."""
        return self.sample_relative(study, trial, {param_name: param_distribution})[param_name]

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Set the constraints of a trial that has values."""
        if self._constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
            for i, value in enumerate(self._constraints_func(trial)):
                study.constrain(trial.number, str(i), value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def warn_of_others(sampler: str, given: Mapping[str, Any], table: Mapping[str, OptunaArgument]) -> None:
    """Warn, once in a process, of each argument that asks for something else than what is done.

    Args:
        sampler: the sampler's name.
        given: arguments by name.
        table: what happens instead, and which values ask for just that.
    """
    for name, value in given.items():
        key = f"{sampler}.{name}"
        harmless = any(value is same or (type(value) is type(same) and value == same) for same in table[name].harmless)
        if not harmless and key not in _warned:
            _warned.add(key)
            caution(f"{sampler}: {name}={value!r} is not followed: {table[name].instead}")
