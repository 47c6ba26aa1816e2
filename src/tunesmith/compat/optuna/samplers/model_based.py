"""Samplers that learn from results, and those that do not, under Optuna's names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tunesmith import samplers as native_samplers
from tunesmith.compat.guide import ARGUMENTS, Argument
from tunesmith.compat.optuna._deprecated import formerly_positional, warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class, warn_experimental_argument
from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.parameters import parameter_of
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.samplers.base import BaseSampler, ConstraintsFunc
from tunesmith.compat.optuna.samplers.native import NativeSampler, warn_of_others
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Space
from tunesmith.state import TrialState as NativeState

DISTANCE = 1e-8  # from a bound, of the range: more than what this library takes for the bound itself


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
    at[:, columns] = (unit[:, columns] < DISTANCE) | (unit[:, columns] > 1.0 - DISTANCE)
    if not at.any():
        return x
    return np.where(at, space.from_unit(np.clip(unit, DISTANCE, 1.0 - DISTANCE)), x)


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
            "multivariate": multivariate if type(self) is TPESampler else None,  # a subclass is asked for each value
            "group": group or None,
            "constant_liar": constant_liar,
        }
        deprecated = {
            "consider_prior": ("4.3.0", consider_prior),
            "prior_weight": ("4.9.0", prior_weight),
            "consider_magic_clip": ("4.9.0", consider_magic_clip),
            "consider_endpoints": ("4.9.0", consider_endpoints),
            "gamma": ("4.9.0", gamma),
            "weights": ("4.9.0", weights),
            "warn_independent_sampling": ("4.9.0", warn_independent_sampling),
        }
        for name, (since, value) in deprecated.items():
            if value is not None:
                warn_deprecated(name, since, "6.0.0")
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
        given = {"deterministic_objective": deterministic_objective}
        _warn_of_constraints(constraints_func)
        if deterministic_objective:
            warn_experimental_argument("deterministic_objective")
        warn_of_others("GPSampler", given, ARGUMENTS["GPSampler"])
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
        given = {
            "sigma0": sigma0,
            "n_startup_trials": n_startup_trials if independent_sampler is None else None,
            "use_separable_cma": use_separable_cma,
            "lr_adapt": lr_adapt,
        }
        if restart_strategy is not None or inc_popsize != -1:
            warn_deprecated("restart_strategy", "4.4.0", "6.0.0", "it is followed here")
        for name, value in {"x0": x0, "sigma0": sigma0}.items():
            if value is not None:
                warn_deprecated(name, "4.9.0", "6.0.0")
        experimental = {
            "consider_pruned_trials": consider_pruned_trials,
            "use_separable_cma": use_separable_cma,
            "source_trials": source_trials is not None,
            "with_margin": with_margin,
            "lr_adapt": lr_adapt,
        }
        for name, asked in experimental.items():
            if asked:
                warn_experimental_argument(name)
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
            space = Space({param_name: parameter_of(param_distribution)})
            return space.decode_row(space.sample(self._rng, 1)[0])[param_name]
        others = [t.params for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        cells = [dict(zip(self._values, cell, strict=True)) for cell in itertools.product(*self._values.values())]
        free = [cell for cell in cells if not any(cell.items() <= params.items() for params in others)] or cells
        if len(free) == 1:
            study.native.end_search()
        known = {name: value for name, value in trial.params.items() if name in self._values}
        fitting = [cell for cell in free if known.items() <= cell.items()] or cells
        return fitting[int(self._rng.integers(len(fitting)))][param_name]

    def is_exhausted(self, study: Any) -> bool:
        """Tell whether all cells were proposed to a study."""
        history, space = study.native.history, self.native.space
        return space is not None and len(self.native.ask(history, space, self._rng, 1)[0]) == 0
