"""What all samplers under Optuna's names share that are this library's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np

from tunesmith.compat.guide import Argument, caution_once
from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.parameters import parameter_of
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.samplers.base import BaseSampler, ConstraintsFunc, _process_constraints_after_trial
from tunesmith.compat.optuna.search_space import IntersectionSearchSpace
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.errors import SpaceExhaustedError
from tunesmith.samplers.base import Sampler
from tunesmith.space import Space
from tunesmith.study import Study as NativeStudy

METHODS = ("before_trial", "infer_relative_search_space", "sample_relative", "sample_independent")


class NativeSampler(BaseSampler):
    """One of this library's samplers under the name that it has in Optuna.

    A study runs it as its own, so that nothing lies between them. Its methods are for samplers that are built on it.

    Args:
        native: the sampler of `tunesmith.samplers`.
        constraints_func: from a trial that ended, the values of its constraints.
        independent_sampler: who proposes the parameters that are not in all trials so far; None: this one itself.

    Attributes:
        models_one: whether it has a model of a parameter alone, for ``sample_independent``; else that draws at random.
        is_for_one_objective: whether studies with several objectives are refused.
        native: the sampler of `tunesmith.samplers`.
        seed: what becomes the seed of a study that is made with it.
    """

    models_one: ClassVar[bool] = False
    is_for_one_objective: ClassVar[bool] = False

    def __init__(
        self,
        native: Sampler,
        constraints_func: ConstraintsFunc | None = None,
        independent_sampler: BaseSampler | None = None,
    ) -> None:
        self.native = native
        self.seed: int | None = getattr(native, "seed", None)
        self._constraints_func = constraints_func
        self._independent = independent_sampler
        self._rng = np.random.default_rng(self.seed)
        self._is_reseeded = False
        self._search_space = IntersectionSearchSpace()
        self._studies: WeakSet[NativeStudy] = WeakSet()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_studies": None, "_search_space": IntersectionSearchSpace()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _studies=WeakSet())

    @property
    def is_whole(self) -> bool:
        """Whether it proposes all by itself, as its class was written; methods that replace its own are called."""
        return self._independent is None and not any(replaces(self, name) for name in METHODS)

    @property
    def watches_ends(self) -> bool:
        """Whether `after_trial` has anything to do."""
        return self._constraints_func is not None or type(self).after_trial is not NativeSampler.after_trial

    def suit(self, maximizes: bool) -> None:
        """Take note of whether the study that it is for maximizes its first objective."""

    def check_objectives(self, count: int) -> None:
        """Refuse a study with more objectives than it can search for; ValueError.

        Args:
            count: how many the study has.
        """
        if count > 1 and self.is_for_one_objective:
            raise ValueError(
                f"{type(self).__name__} is for studies with one objective, and this one has {count}: give "
                "sampler=TPESampler() or NSGAIISampler()"
            )

    def used_by(self, study: NativeStudy) -> None:
        """Take note of a study that it is for, whose random numbers ``reseed_rng`` changes."""
        self._studies.add(study)
        if isinstance(self._independent, NativeSampler):
            self._independent.used_by(study)
        if self._is_reseeded and self.seed is not None:
            study.seed = self.seed

    def reseed_rng(self) -> None:
        """Begin another sequence of random numbers, also in the studies of this process that it is for."""
        self._rng = np.random.default_rng()
        self.seed, self._is_reseeded = int(self._rng.integers(2**32)), True
        for study in self._studies:
            study.seed = self.seed
        if self._independent is not None:
            self._independent.reseed_rng()

    def before_trial(self, study: StudyLike, trial: FrozenTrial) -> None:
        """Let the independent sampler prepare."""
        if self._independent is not None:
            self._independent.before_trial(study, trial)

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all trials so far have."""
        found = self._search_space.calculate(study)
        return {name: distribution for name, distribution in found.items() if not distribution.single()}

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return one proposal over the search space; the trial keeps what the sampler has to remember of it."""
        self.check_objectives(len(study.directions))
        if not search_space:
            return {}
        space = _space(tuple(search_space.items()))
        try:
            return space.decode_row(study.native.propose_for(trial.number, self.native, space, self._rng))
        except SpaceExhaustedError:
            study.native.end_search()
            return _drawn(space, self._rng)

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value of one parameter, as if it were alone, or what the independent sampler proposes."""
        self.check_objectives(len(study.directions))
        if self._independent is not None:
            return self._independent.sample_independent(study, trial, param_name, param_distribution)
        space = _space(((param_name, param_distribution),))
        if not self.models_one:
            return _drawn(space, self._rng)[param_name]
        x, _ = self.native.ask(study.native.history, space, self._rng, 1)
        return space.decode_row(x[0])[param_name]

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Set the constraints of a trial that has values; ValueError if one is NaN."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)
        if self._independent is not None:
            self._independent.after_trial(study, trial, state, values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def replaces(sampler: NativeSampler, method: str) -> bool:
    """Tell whether a method of a sampler is the program's own, of a subclass, or put into the class or the object.

    Args:
        sampler: of this library's kind.
        method: the name of the method.

    Returns:
        True: the program's own is to be called.
    """
    return not str(getattr(getattr(sampler, method), "__module__", None)).startswith("tunesmith.")


@lru_cache(maxsize=256)  # one object for the same search space, by which samplers find what they keep of it
def _space(search_space: tuple[tuple[str, BaseDistribution], ...]) -> Space:
    return Space({name: parameter_of(distribution) for name, distribution in search_space})


def _drawn(space: Space, rng: np.random.Generator) -> dict[str, Any]:
    return space.decode_row(space.sample(rng, 1)[0])


def warn_of_others(sampler: str, given: Mapping[str, Any], table: Mapping[str, Argument]) -> None:
    """Warn, once in a process, of each argument that asks for something else than what is done.

    Args:
        sampler: the sampler's name.
        given: arguments by name.
        table: what happens instead, and which values ask for just that.
    """
    for name, value in given.items():
        if table[name].asks_for(value):
            caution_once(f"{sampler}({name}=)", f"{name}={value!r} is not followed: {table[name].instead}")
