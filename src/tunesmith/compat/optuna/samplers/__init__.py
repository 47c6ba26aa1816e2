"""Optuna's samplers: most are this library's own (`NativeSampler`); programs subclass `BaseSampler` to propose values.

What the objective of a `BruteForceSampler` asks for next has to follow from the values that it got before. So the
trials that began alike make up a tree: a parameter that all of them have is a node, each of its values a branch. A
branch is done if all combinations below it were tried; in which order the parameters were asked for does not matter.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np

from tunesmith import samplers as native_samplers
from tunesmith.compat.guide import ARGUMENTS, Argument, caution_once
from tunesmith.compat.optuna._deprecated import formerly_positional, warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class, warn_experimental_argument
from tunesmith.compat.optuna.distributions import BaseDistribution, parameter_of
from tunesmith.compat.optuna.frozen import FrozenTrial, StudyLike
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.samplers.nsgaii import (
    PolynomialMutation,
    SBXCrossover,
    UniformCrossover,
    checked_probability,
)
from tunesmith.compat.optuna.search_space import IntersectionSearchSpace
from tunesmith.compat.optuna.states import TrialState, state_of
from tunesmith.errors import SpaceExhaustedError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import TrialState as NativeState
from tunesmith.foundation.warnings import caution
from tunesmith.history import History
from tunesmith.samplers import NSGA2Sampler, NSGA3Sampler
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Parameter, Space
from tunesmith.study import Study as NativeStudy
from tunesmith.trial.record import TrialRecord

# -- the contract of a sampler as Optuna has it: what programs subclass to propose values themselves ----------------

ConstraintsFunc = Callable[[FrozenTrial], Sequence[float]]


def _generator(seed: int | None) -> np.random.Generator:
    """Return random numbers of a seed; ValueError if it is negative."""
    if seed is not None and seed < 0:
        raise ValueError(f"seed must be 0 or more, or None; got {seed!r}")
    return np.random.default_rng(seed)


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


# -- what all samplers under Optuna's names share that are this library's own ---------------------------------------

SAMPLER_METHODS = ("before_trial", "infer_relative_search_space", "sample_relative", "sample_independent")


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
        self._rng = _generator(self.seed)
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
        return self._independent is None and not any(replaces(self, name) for name in SAMPLER_METHODS)

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
            if study.native.is_optimizing:
                study.native.stop()
            return _random_params(space, self._rng)

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value of one parameter, as if it were alone, or what the independent sampler proposes."""
        self.check_objectives(len(study.directions))
        if self._independent is not None:
            return self._independent.sample_independent(study, trial, param_name, param_distribution)
        space = _space(((param_name, param_distribution),))
        if not self.models_one:
            return _random_params(space, self._rng)[param_name]
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

    Returns:
        True: the program's own is to be called.
    """
    return not str(getattr(getattr(sampler, method), "__module__", None)).startswith("tunesmith.")


@lru_cache(maxsize=256)  # one object for the same search space, by which samplers find what they keep of it
def _space(search_space: tuple[tuple[str, BaseDistribution], ...]) -> Space:
    return Space({name: parameter_of(distribution) for name, distribution in search_space})


def _random_params(space: Space, rng: np.random.Generator) -> dict[str, Any]:
    return space.decode_row(space.sample(rng, 1)[0])


def warn_of_others(sampler: str, given: Mapping[str, Any], table: Mapping[str, Argument]) -> None:
    """Warn, once in a process, of each argument that asks for something else than what is done.

    Args:
        table: what happens instead, and which values ask for just that.
    """
    for name, value in given.items():
        if table[name].asks_for(value):
            caution_once(f"{sampler}({name}=)", f"{name}={value!r} is not followed: {table[name].instead}")


# -- samplers that learn from results, and those that do not, under Optuna's names ----------------------------------

BOUND_DISTANCE = 1e-6  # from a bound, of the range: more than the digits that a proposal has


class AutoOffBounds(native_samplers.AutoSampler):
    """The sampler of a study that is given none."""

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str]:
        """Return the proposals, off the bounds; see `Sampler.propose`."""
        x, states, reason = super().propose(history, space, rng, n)
        return moved_off_bounds(x, space), states, reason

    def cheap_variant(self) -> Sampler:
        """Return the same, without the Gaussian process."""
        if self._cheap_variant is None:
            self._cheap_variant = AutoOffBounds(self.seed, cheap=True)
        return self._cheap_variant


class TPEOffBounds(native_samplers.TPESampler):
    """The sampler of Parzen estimators."""

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return the proposals, off the bounds; see `Sampler.ask`."""
        x, states = super().ask(history, space, rng, n)
        return moved_off_bounds(x, space), states


def moved_off_bounds(x: Points, space: Space) -> Points:
    """Return points whose continuous coordinates keep a distance from the bounds.

    Args:
        x: internal values [n, d], NaN where inactive.
        space: over whose parameters they are.
    """
    columns = [j for j, p in enumerate(space.params.values()) if p.n_values == np.inf]
    if not columns or len(x) == 0:
        return x
    unit = space.to_unit(x)
    at = np.zeros(unit.shape, bool)
    at[:, columns] = (unit[:, columns] < BOUND_DISTANCE) | (unit[:, columns] > 1.0 - BOUND_DISTANCE)
    if not at.any():
        return x
    return np.where(at, space.from_unit(np.clip(unit, BOUND_DISTANCE, 1.0 - BOUND_DISTANCE)), x)


SIGMA = Argument("it is in the parameters' own units there; the first steps here are a sixth of each range", None)


def _warn_of_constraints(constraints_func: ConstraintsFunc | None) -> None:
    if constraints_func is not None:
        warn_deprecated("constraints_func", "5.0.0", "7.0.0", "use trial.set_constraint")


class AutoSampler(NativeSampler):
    """The sampler of a study that is given none: it suits the space, the number of trials and their cost."""

    def __init__(self) -> None:
        super().__init__(AutoOffBounds())

    models_one = True


class RandomSampler(NativeSampler):
    """Draws each point independently of all others.

    Args:
        seed: of the random numbers; becomes the study's.
    """

    @checked()
    def __init__(self, seed: int | None = None) -> None:
        super().__init__(native_samplers.RandomSampler(seed))

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: each value is drawn alone."""
        return {}


class TPESampler(NativeSampler):
    """Proposes the most promising of several draws from a mixture around the best trials.

    Args:
        consider_prior: not followed if False.
        prior_weight: not followed.
        consider_magic_clip: not followed if False.
        consider_endpoints: not followed if True.
        n_startup_trials: random trials before the model takes over; None: 5.
        n_ei_candidates: draws of which the best one is proposed; None: 32.
        gamma: not followed.
        weights: not followed.
        seed: of the random numbers; becomes the study's.
        multivariate: always; if False, a subclass or a wrapper is asked for each value alone.
        group: always.
        warn_independent_sampling: there is no such warning.
        constant_liar: always; not followed if False.
        constraints_func: from a trial that ended, the values of its constraints.
    """

    @formerly_positional(
        [
            "self", "consider_prior", "prior_weight", "consider_magic_clip", "consider_endpoints", "n_startup_trials",
            "n_ei_candidates", "gamma", "weights", "seed",
        ],
        "4.4.0",
        "6.0.0",
    )  # fmt: skip
    @checked()
    def __init__(
        self,
        *,
        consider_prior: bool | None = None,
        prior_weight: float | None = None,
        consider_magic_clip: bool | None = None,
        consider_endpoints: bool | None = None,
        n_startup_trials: int | None = None,
        n_ei_candidates: int | None = None,
        gamma: Callable[[int], int] | None = None,
        weights: Callable[[int], Any] | None = None,
        seed: int | None = None,
        multivariate: bool | None = None,
        group: bool = False,
        warn_independent_sampling: bool | None = None,
        constant_liar: bool = True,
        constraints_func: ConstraintsFunc | None = None,
    ) -> None:
        given = {
            "consider_prior": consider_prior,
            "prior_weight": prior_weight,
            "consider_magic_clip": consider_magic_clip,
            "consider_endpoints": consider_endpoints,
            "gamma": gamma,
            "weights": weights,
        }
        for name, value in {**given, "warn_independent_sampling": warn_independent_sampling}.items():
            if value is not None:
                warn_deprecated(name, "4.3.0" if name == "consider_prior" else "4.9.0", "6.0.0")
        given |= {"group": group or None, "constant_liar": constant_liar}
        if type(self) is TPESampler:  # a subclass is asked for each value
            given["multivariate"] = multivariate
        if group:
            if multivariate is False:
                raise ValueError("TPESampler: group=True needs multivariate=True")
            warn_experimental_argument("group")
        _warn_of_constraints(constraints_func)
        warn_of_others("TPESampler", given, ARGUMENTS["TPESampler"])
        native = TPEOffBounds(
            5 if n_startup_trials is None else max(1, n_startup_trials),
            32 if n_ei_candidates is None else n_ei_candidates,
            seed,
        )
        super().__init__(native, constraints_func)
        self._alone = multivariate is False

    models_one = True

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all trials so far have; with ``multivariate=False`` each value is drawn alone."""
        return {} if self._alone else super().infer_relative_search_space(study, trial)

    @staticmethod
    def hyperopt_parameters() -> dict[str, Any]:
        """Return nothing: the numbers of this library's sampler are its own."""
        warn_deprecated("hyperopt_parameters", "4.9.0", "6.0.0")
        return {}


class GPSampler(NativeSampler):
    """Proposes where a Gaussian process expects the largest improvement.

    Args:
        seed: of the random numbers; becomes the study's.
        independent_sampler: who proposes parameters that are not in all trials so far; None: this one itself.
        n_startup_trials: first points, spread evenly; None: a number that suits the space.
        deterministic_objective: not followed if True.
        constraints_func: from a trial that ended, the values of its constraints.
        warn_independent_sampling: there is no such warning.
    """

    @checked()
    def __init__(
        self,
        *,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        n_startup_trials: int | None = None,
        deterministic_objective: bool = False,
        constraints_func: ConstraintsFunc | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        _warn_of_constraints(constraints_func)
        if deterministic_objective:
            warn_experimental_argument("deterministic_objective")
        warn_of_others("GPSampler", {"deterministic_objective": deterministic_objective}, ARGUMENTS["GPSampler"])
        super().__init__(
            native_samplers.GPSampler(None if n_startup_trials is None else max(1, n_startup_trials), seed),
            constraints_func,
            independent_sampler,
        )


class CmaEsSampler(NativeSampler):
    """Adapts a normal distribution to the best points (CMA-ES).

    Args:
        x0: where to begin, values by name.
        sigma0: not followed: in Optuna it is in the parameters' own units, here a part of their ranges.
        n_startup_trials: complete trials before which an independent sampler proposes all; not followed without one.
        independent_sampler: who proposes parameters that are not in all trials so far; None: this one itself.
        warn_independent_sampling: there is no such warning.
        seed: of the random numbers; becomes the study's.
        consider_pruned_trials: always.
        restart_strategy: None, "ipop" or "bipop": begin again with a larger population where it got stuck.
        popsize: trials of a generation.
        inc_popsize: by what the population grows at such a restart; -1: by 2.
        use_separable_cma: not followed if True.
        with_margin: always.
        lr_adapt: not followed if True.
        source_trials: of a like problem; the search begins at the best of them.
    """

    is_for_one_objective = True

    @formerly_positional(
        ["self", "x0", "sigma0", "n_startup_trials", "independent_sampler", "warn_independent_sampling", "seed"],
        "4.9.0",
        "6.0.0",
    )
    @checked()
    def __init__(
        self,
        *,
        x0: dict[str, Any] | None = None,
        sigma0: float | None = None,
        n_startup_trials: int = 1,
        independent_sampler: BaseSampler | None = None,
        warn_independent_sampling: bool = True,
        seed: int | None = None,
        consider_pruned_trials: bool = False,
        restart_strategy: str | None = None,
        popsize: int | None = None,
        inc_popsize: int = -1,
        use_separable_cma: bool = False,
        with_margin: bool = False,
        lr_adapt: bool = False,
        source_trials: list[FrozenTrial] | None = None,
    ) -> None:
        if restart_strategy is not None or inc_popsize != -1:
            warn_deprecated("restart_strategy", "4.4.0", "6.0.0", "it is followed here")
        for name, value in {"x0": x0, "sigma0": sigma0}.items():
            if value is not None:
                warn_deprecated(name, "4.9.0", "6.0.0")
        given: dict[str, Any] = {"use_separable_cma": use_separable_cma, "lr_adapt": lr_adapt}
        more = {"consider_pruned_trials": consider_pruned_trials, "with_margin": with_margin}
        for name, asked in {**given, **more, "source_trials": source_trials is not None}.items():
            if asked:
                warn_experimental_argument(name)
        given |= {"sigma0": sigma0, "n_startup_trials": n_startup_trials if independent_sampler is None else None}
        if source_trials is not None and (x0 is not None or sigma0 is not None):
            raise ValueError("CmaEsSampler: give source_trials=, or x0= and sigma0=, not both")
        if source_trials is not None and use_separable_cma:
            raise ValueError("CmaEsSampler: give source_trials= or use_separable_cma=True, not both")
        if with_margin + lr_adapt + use_separable_cma > 1:
            raise ValueError("CmaEsSampler: give one of with_margin=, lr_adapt= and use_separable_cma=")
        warn_of_others("CmaEsSampler", given, {**ARGUMENTS["CmaEsSampler"], "sigma0": SIGMA})
        self._sources = [t for t in source_trials or () if t.state == TrialState.COMPLETE]
        self._make = partial(
            native_samplers.CmaEsSampler,
            popsize=popsize,
            restart_strategy=restart_strategy,
            inc_popsize=2 if inc_popsize == -1 else inc_popsize,
            seed=seed,
        )
        super().__init__(self._make(x0), independent_sampler=independent_sampler)
        self._n_startup = 0 if independent_sampler is None else n_startup_trials

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return one proposal over the search space; with an independent sampler, none in the first trials."""
        if self._n_startup > study.native.counts.get(NativeState.COMPLETE, 0):
            return {}
        return super().sample_relative(study, trial, search_space)

    def suit(self, maximizes: bool) -> None:
        """Begin at the best source trial, now that it is known which values are good."""
        if self._sources:
            best = (max if maximizes else min)(self._sources, key=lambda t: t.value or 0.0)
            self.native, self._sources = self._make(best.params), []


@experimental_class("3.0.0")
class QMCSampler(NativeSampler):
    """Spreads points evenly (quasi-Monte Carlo).

    Args:
        qmc_type: "sobol" or "halton".
        scramble: randomise the sequence.
        seed: of the random numbers; becomes the study's.
        independent_sampler: who proposes parameters that are not in all trials so far; None: this one itself.
        warn_asynchronous_seeding: there is no such warning: all workers have the study's seed.
        warn_independent_sampling: there is no such warning.
    """

    @checked()
    def __init__(
        self,
        *,
        qmc_type: str = "sobol",
        scramble: bool = False,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        warn_asynchronous_seeding: bool = True,
        warn_independent_sampling: bool = True,
    ) -> None:
        super().__init__(native_samplers.QMCSampler(qmc_type, scramble, seed), independent_sampler=independent_sampler)

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all trials so far have; before one is complete, those of the running ones."""
        if found := super().infer_relative_search_space(study, trial):
            return found
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return {name: distribution for other in running for name, distribution in other.distributions.items()}


class GridSampler(NativeSampler):
    """Proposes each cell of a grid once, also with many workers; then the search ends.

    Args:
        search_space: values by name.
        seed: of the order of the cells.
    """

    @checked()
    def __init__(self, search_space: Mapping[str, Sequence[Any]], seed: int | None = None) -> None:
        values = {name: list(search_space[name]) for name in sorted(search_space)}
        super().__init__(native_samplers.GridSampler(values, order="random", seed=seed))
        self._values = values

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: for a sampler that is built on this one, each value follows from those before it."""
        return {}

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value of a cell that fits those of this trial so far, and that no other trial has.

        A name that is not in the grid is drawn at random. With the last free cell the search ends.
        """
        if param_name not in self._values:
            return _random_params(_space(((param_name, param_distribution),)), self._rng)[param_name]
        others = [t.params for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        cells = [dict(zip(self._values, cell, strict=True)) for cell in itertools.product(*self._values.values())]
        free = [cell for cell in cells if not any(cell.items() <= params.items() for params in others)] or cells
        if len(free) == 1 and study.native.is_optimizing:
            study.native.stop()
        known = {name: value for name, value in trial.params.items() if name in self._values}
        fitting = [cell for cell in free if known.items() <= cell.items()] or cells
        return fitting[int(self._rng.integers(len(fitting)))][param_name]

    def is_exhausted(self, study: Any) -> bool:
        """Tell whether all cells were proposed to a study."""
        history, space = study.native.history, self.native.space
        return space is not None and len(self.native.ask(history, space, self._rng, 1)[0]) == 0


# -- every combination of values once, found while the objectives run -----------------------------------------------

Cells = Mapping[str, tuple[int, int]]  # of a trial: how many values each parameter has, and the index of its own


def is_done(trials: Sequence[Cells], fixed: frozenset[str] = frozenset()) -> bool:
    """Tell whether all combinations were tried below a node.

    Every finished trial below it has the parameter that comes next. Where several parameters are in all of them, any
    will do: what was not tried yet is missing below one value of it at least.

    Args:
        trials: finished ones that agree in the fixed parameters.
        fixed: the parameters above the node.
    """
    if not trials:
        return False
    common = set.intersection(*(set(cells) for cells in trials)) - fixed
    if not common:
        return True
    name = min(common)
    n_values = max(cells[name][0] for cells in trials)
    below = [[cells for cells in trials if cells[name][1] == k] for k in range(n_values)]
    return all(is_done(some, fixed | {name}) for some in below)


@experimental_class("3.1.0")
class BruteForceSampler(BaseSampler):
    """Proposes each combination of values once, of spaces that are not known beforehand; then the search ends.

    Args:
        seed: of the order.
        avoid_premature_stop: always: only finished trials count.
    """

    @checked()
    def __init__(self, seed: int | None = None, avoid_premature_stop: bool = False) -> None:
        self._rng = _generator(seed)

    def reseed_rng(self) -> None:
        """Begin another order."""
        self._rng = np.random.default_rng()

    def infer_relative_search_space(self, study: StudyLike, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: values are proposed one by one."""
        return {}

    def sample_relative(
        self, study: StudyLike, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: values are proposed one by one."""
        return {}

    def sample_independent(
        self, study: StudyLike, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value whose branch is not done, if possible one that no running trial has; if all are, any.

        Raises:
            ValueError: other trials asked for something else after the same values.
        """
        values = values_of(param_distribution)
        finished, running, complete = self._alike(study, trial)
        for cells in (*finished, *running):
            if cells.get(param_name, (len(values),))[0] != len(values):
                raise ValueError(
                    f"BruteForceSampler needs the same range of {param_name!r} after the same values; got "
                    f"{param_distribution!r}, and another trial had {cells[param_name][0]} values"
                )
        if any(param_name not in cells for cells in complete):
            raise ValueError(
                "BruteForceSampler needs the same parameters after the same values; another trial was complete without "
                f"{param_name!r}"
            )
        fixed = frozenset({*trial.params, param_name})
        left = [
            k
            for k in range(len(values))
            if not is_done([cells for cells in finished if cells.get(param_name, (0, -1))[1] == k], fixed)
        ]
        taken = {cells[param_name][1] for cells in running if param_name in cells}
        free = [k for k in left if k not in taken] or left or range(len(values))
        return values[int(self._rng.choice(free))]

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """End the search where all combinations were tried; ValueError if another trial had more or fewer values."""
        own = _trial_cells(trial)
        finished = [
            (record.state, _cells_of_record(record)) for record in study.native.trials if record.state.is_finished()
        ]
        for other_state, cells in finished:
            if state is TrialState.COMPLETE is state_of(other_state) and len(cells) != len(own):
                few, more = sorted((cells, own), key=len)
                if few.items() < more.items():
                    raise ValueError(
                        "BruteForceSampler needs the same parameters after the same values; of trial "
                        f"{trial.number} and another one, only one asked for {sorted(set(more) - set(few))}"
                    )
        if is_done([*(cells for _, cells in finished), own]):
            with suppress(RuntimeError):  # of a study that asks and tells, and has no loop to end
                study.stop()

    def _alike(self, study: StudyLike, trial: FrozenTrial) -> tuple[list[Cells], list[Cells], list[Cells]]:
        """Return the finished, running and complete trials that have the values that a trial has so far."""
        finished: list[Cells] = []
        running: list[Cells] = []
        complete: list[Cells] = []
        own = _trial_cells(trial)
        native = study.native
        for other in native.trials:
            if other.number == trial.number or other.state is NativeState.WAITING:
                continue
            here = native.running.get(other.number)
            cells = (
                _cells_of_record(other) if here is None else _cells_here(here.trial.params, here.trial.distributions)
            )
            if own.items() <= cells.items():
                (finished if other.state.is_finished() else running).append(cells)
                if other.state is NativeState.COMPLETE:
                    complete.append(cells)
        return finished, running, complete


def values_of(distribution: BaseDistribution) -> list[Any]:
    """Return all values of a distribution.

    Raises:
        ValueError: it has no finite number of them.
    """
    parameter = parameter_of(distribution)
    if parameter.n_values == math.inf:
        raise ValueError(
            f"BruteForceSampler needs a finite number of values; {distribution!r} has none: give it a step"
        )
    return [parameter.to_external(x) for x in parameter.cells(np.arange(int(parameter.n_values)))]


def _trial_cells(trial: FrozenTrial) -> Cells:
    return _cells_here(trial.params, {name: parameter_of(d) for name, d in trial.distributions.items()})


def _cells_here(params: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> Cells:
    cells = {}
    for name, value in params.items():
        parameter = parameters[name]
        inside = parameter.contains(value)
        cells[name] = _cell_of_value(parameter, parameter.to_internal(value) if inside else math.nan)
    return cells


def _cells_of_record(record: TrialRecord) -> Cells:
    """Read the cells from the internal values, without a conversion of each value."""
    if record.space is None or record.x is None:
        return {}
    used = zip(record.space.params.items(), record.x, strict=True)
    return {name: _cell_of_value(p, x) for (name, p), x in used if x == x or name in record.outside}


@lru_cache(maxsize=4096)  # the same few values again and again, in all trials for each proposal
def _cell_of_value(parameter: Parameter, x: float) -> tuple[int, int]:
    n = int(parameter.n_values)
    cell = None if math.isnan(x) else parameter.cell_of(x)
    return n, n if cell is None else cell  # n: enqueued, out of range


# -- a base of genetic algorithms, which programs and modules of OptunaHub subclass ---------------------------------


class BaseGASampler(BaseSampler):
    """Counts generations, and asks a subclass for the parents of each.

    A trial belongs to the latest generation, or to the next one once that has `population_size` complete trials. Both
    that number and the parents are kept in the storage, as system attributes under the name of the class.

    Args:
        population_size: complete trials of a generation; None: the subclass sets it before the first trial.
    """

    _generation_key: ClassVar[str] = "BaseGASampler:generation"
    _parents_key: ClassVar[str] = "BaseGASampler:parent:"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._generation_key, cls._parents_key = f"{cls.__name__}:generation", f"{cls.__name__}:parent:"

    def __init__(self, population_size: int | None) -> None:
        self._population_size = population_size

    @property
    def population_size(self) -> int | None:
        """Complete trials of a generation."""
        return self._population_size

    @population_size.setter
    def population_size(self, size: int) -> None:
        self._population_size = size

    @classmethod
    def _get_generation_key(cls) -> str:  # these two are called by samplers that are written for Optuna
        return cls._generation_key

    @classmethod
    def _get_parent_cache_key_prefix(cls) -> str:
        return cls._parents_key

    @abstractmethod
    def select_parent(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation, from the trials before it; called once for each generation.

        Args:
            study: what is known so far.
            generation: the generation that is to be made, from 1.

        Returns:
            Their records.
        """

    def get_trial_generation(self, study: StudyLike, trial: FrozenTrial) -> int:
        """Return the generation of a trial; a trial that has none yet gets one, which is stored.

        Args:
            study: its study.
            trial: the trial.

        Returns:
            The generation, from 0.

        Raises:
            ValueError: there is no population size.
        """
        known: int | None = trial.system_attrs.get(self._generation_key)
        if known is not None:
            return known
        if self.population_size is None:
            raise ValueError(f"{type(self).__name__}: population_size has to be set before the first trial; it is None")
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        found = [one.system_attrs.get(self._generation_key, 0) for one in complete]
        latest = max(found, default=0)
        own = [one.system_attrs.get(self._generation_key) for one in complete].count(latest)
        generation = latest + (own >= self.population_size)
        study._storage.set_trial_system_attr(trial._trial_id, self._generation_key, generation)
        return generation

    def get_population(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the complete trials of a generation.

        Args:
            study: the study.
            generation: which one.

        Returns:
            Their records, by number.
        """
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [one for one in complete if one.system_attrs.get(self._generation_key) == generation]

    def get_parent_population(self, study: StudyLike, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation: of the first one none, of others what `select_parent` has returned once.

        Args:
            study: the study.
            generation: which one.

        Returns:
            Their records.
        """
        if generation == 0:
            return []
        key = f"{self._parents_key}{generation}"
        ids = study._storage.get_study_system_attrs(study._study_id).get(key)
        if ids is None:
            parents = self.select_parent(study, generation)
            study._storage.set_study_system_attr(study._study_id, key, [one._trial_id for one in parents])
            return parents
        return [one for one in study.get_trials(deepcopy=False) if one._trial_id in set(ids)]


# -- evolutionary samplers for several objectives, under Optuna's names ---------------------------------------------

ETA_CROSSOVER = 2.0


class NSGAIISampler(NativeSampler):
    """Selection by fronts and crowding, crossover and mutation (NSGA-II).

    Args:
        population_size: trials of a generation.
        mutation: `PolynomialMutation` is followed, others are not.
        mutation_prob: the probability that a parameter mutates; None: 1 / number of parameters.
        crossover: `SBXCrossover` with an `eta` is followed, others are not.
        crossover_prob: the probability that two parents are crossed.
        swapping_prob: not followed if it is not 1/2.
        seed: of the random numbers; becomes the study's.
        constraints_func: from a trial that ended, the values of its constraints.
        elite_population_selection_strategy: not followed.
        child_generation_strategy: not followed.
        after_trial_strategy: not followed.

    Raises:
        ValueError: the population is below 2 or than the parents of the crossover, a probability is not in [0, 1], or
            the crossover is not one.
    """

    @checked()
    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: Any = None,
        mutation_prob: float | None = None,
        crossover: Any = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: ConstraintsFunc | None = None,
        elite_population_selection_strategy: Callable[..., Any] | None = None,
        child_generation_strategy: Callable[..., Any] | None = None,
        after_trial_strategy: Callable[..., Any] | None = None,
    ) -> None:
        _warn_of_constraints(constraints_func)
        strategies = _strategies(elite_population_selection_strategy, child_generation_strategy, after_trial_strategy)
        _check_population(population_size, crossover, swapping_prob)
        is_simulated_binary = isinstance(crossover, SBXCrossover)
        given = {"crossover": None if is_simulated_binary else crossover, "swapping_prob": swapping_prob, **strategies}
        warn_of_others("NSGAIISampler", given, ARGUMENTS["NSGA2Sampler"])
        eta_crossover = crossover.numbers.get("eta") if is_simulated_binary else None
        native = NSGA2Sampler(
            population_size,
            mutation_prob=mutation_prob,
            crossover_prob=crossover_prob,
            eta_crossover=ETA_CROSSOVER if eta_crossover is None else eta_crossover,
            eta_mutation=_eta_of(mutation, "NSGAIISampler", 5.0),
            seed=seed,
        )
        super().__init__(native, constraints_func)


def _eta_of(mutation: Any, sampler: str, default: float) -> float:
    """Return the eta of a mutation; of one that is not followed, after a warning, the default."""
    if isinstance(mutation, PolynomialMutation):
        return float(mutation.numbers["eta"])
    warn_of_others(sampler, {"mutation": mutation}, ARGUMENTS["NSGA2Sampler"])
    return default


def _strategies(
    elite: Callable[..., Any] | None, child: Callable[..., Any] | None, after: Callable[..., Any] | None
) -> dict[str, Callable[..., Any] | None]:
    """Return the strategies of a population by the names of their arguments, with a warning of each that is given."""
    strategies = {
        "elite_population_selection_strategy": elite,
        "child_generation_strategy": child,
        "after_trial_strategy": after,
    }
    for name, strategy in strategies.items():
        if strategy is not None:
            warn_experimental_argument(name)
    return strategies


def _check_population(population_size: int, crossover: Any, swapping_prob: float) -> None:
    """Check what a population needs; ValueError if it is too small, or it is not a crossover."""
    if population_size < 2:
        raise ValueError(f"population_size must be 2 or more; got {population_size}")
    checked_probability("swapping_prob", swapping_prob)
    if crossover is None:
        return
    parents = getattr(crossover, "n_parents", None)
    if not isinstance(parents, int):
        raise ValueError(f"crossover= takes a crossover, such as UniformCrossover(); got {crossover!r}")
    if population_size < parents:
        raise ValueError(
            f"{crossover!r} takes {parents} parents: population_size must be that at least; got {population_size}"
        )


@experimental_class("3.2.0")
class NSGAIIISampler(NativeSampler):
    """Selection by fronts and reference points, crossover and mutation (NSGA-III).

    Args:
        population_size: trials of a generation.
        mutation: as for `NSGAIISampler`.
        mutation_prob: as for `NSGAIISampler`.
        crossover: it is a `UniformCrossover`, and others are not followed.
        crossover_prob: as for `NSGAIISampler`.
        swapping_prob: as for `NSGAIISampler`.
        seed: of the random numbers; becomes the study's.
        constraints_func: from a trial that ended, the values of its constraints.
        reference_points: directions in which the front is sought, a row each and a column for each objective; None:
            evenly spread.
        dividing_parameter: the evenly spread ones have coordinates that are multiples of one divided by it.
        elite_population_selection_strategy: not followed.
        child_generation_strategy: not followed.
        after_trial_strategy: not followed.

    Raises:
        ValueError: as of `NSGAIISampler`; or reference points are negative, not finite, or a row of zeros.
    """

    @checked()
    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: Any = None,
        mutation_prob: float | None = None,
        crossover: Any = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: ConstraintsFunc | None = None,
        reference_points: Any = None,
        dividing_parameter: int = 3,
        elite_population_selection_strategy: Callable[..., Any] | None = None,
        child_generation_strategy: Callable[..., Any] | None = None,
        after_trial_strategy: Callable[..., Any] | None = None,
    ) -> None:
        _warn_of_constraints(constraints_func)
        strategies = _strategies(elite_population_selection_strategy, child_generation_strategy, after_trial_strategy)
        _check_population(population_size, crossover, swapping_prob)
        is_uniform = isinstance(crossover, UniformCrossover)
        given = {"crossover": None if is_uniform else crossover, "swapping_prob": swapping_prob, **strategies}
        warn_of_others("NSGAIIISampler", given, ARGUMENTS["NSGA3Sampler"])
        native = NSGA3Sampler(
            population_size,
            reference_points=reference_points,
            dividing_parameter=dividing_parameter if reference_points is None else None,
            mutation_prob=mutation_prob,
            crossover_prob=crossover_prob,
            eta_mutation=_eta_of(mutation, "NSGAIIISampler", 2.0),
            seed=seed,
        )
        super().__init__(native, constraints_func)


# -- a sampler that holds some parameters and leaves the others to another one --------------------------------------


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


__all__ = [
    "AutoSampler",
    "BaseGASampler",
    "BaseSampler",
    "BruteForceSampler",
    "CmaEsSampler",
    "GPSampler",
    "GridSampler",
    "NSGAIIISampler",
    "NSGAIISampler",
    "PartialFixedSampler",
    "QMCSampler",
    "RandomSampler",
    "TPESampler",
    "nsgaii",
]
__getattr__ = refuser(__name__, __all__)
