"""Evolutionary samplers for several objectives, under Optuna's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tunesmith.compat.guide import ARGUMENTS, Argument, caution_once
from tunesmith.compat.optuna._deprecated import warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class, warn_experimental_argument
from tunesmith.compat.optuna.samplers.base import ConstraintsFunc
from tunesmith.compat.optuna.samplers.native import NativeSampler, warn_of_others
from tunesmith.compat.optuna.samplers.nsgaii import PolynomialMutation, SBXCrossover, checked_probability
from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler

ETA_CROSSOVER, ETA_MUTATION = 2.0, 5.0
FRONTS = Argument("the fittest are selected by fronts and crowding, as in NSGA-II", None, 3)
OTHERS = {**ARGUMENTS["NSGA2Sampler"], "reference_points": FRONTS, "dividing_parameter": FRONTS}


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
            the crossover is none.
    """

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
        _check(population_size, crossover, swapping_prob)
        if constraints_func is not None:
            warn_deprecated("constraints_func", "5.0.0", "7.0.0", "use trial.set_constraint")
        strategies = {
            "elite_population_selection_strategy": elite_population_selection_strategy,
            "child_generation_strategy": child_generation_strategy,
            "after_trial_strategy": after_trial_strategy,
        }
        for name, strategy in strategies.items():
            if strategy is not None:
                warn_experimental_argument(name)
        eta_crossover = crossover.numbers.get("eta") if isinstance(crossover, SBXCrossover) else None
        eta_mutation = mutation.numbers["eta"] if isinstance(mutation, PolynomialMutation) else None
        given = {
            "mutation": mutation if eta_mutation is None else None,
            "crossover": None if isinstance(crossover, SBXCrossover) else crossover,
            "swapping_prob": swapping_prob,
            **strategies,
        }
        warn_of_others(type(self).__name__, given, OTHERS)
        native = NSGA2Sampler(
            population_size,
            mutation_prob=mutation_prob,
            crossover_prob=crossover_prob,
            eta_crossover=ETA_CROSSOVER if eta_crossover is None else eta_crossover,
            eta_mutation=ETA_MUTATION if eta_mutation is None else eta_mutation,
            seed=seed,
        )
        super().__init__(native, constraints_func)


def _check(population_size: int, crossover: Any, swapping_prob: float) -> None:
    """Check what a population needs; ValueError if it is too small, or the crossover is none."""
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
class NSGAIIISampler(NSGAIISampler):
    """NSGA-II under the name of NSGA-III, which is not here: reference points are not followed.

    Args:
        population_size: trials of a generation.
        mutation: as for `NSGAIISampler`.
        mutation_prob: as for `NSGAIISampler`.
        crossover: as for `NSGAIISampler`.
        crossover_prob: as for `NSGAIISampler`.
        swapping_prob: as for `NSGAIISampler`.
        seed: of the random numbers; becomes the study's.
        constraints_func: from a trial that ended, the values of its constraints.
        reference_points: not followed.
        dividing_parameter: not followed.
        elite_population_selection_strategy: not followed.
        child_generation_strategy: not followed.
        after_trial_strategy: not followed.
    """

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
        caution_once(
            "NSGAIIISampler",
            "there is no NSGA-III here, NSGA-II searches in its place: write NSGAIISampler, or GPSampler "
            "for few trials",
        )
        given = {"reference_points": reference_points, "dividing_parameter": dividing_parameter}
        warn_of_others("NSGAIIISampler", given, OTHERS)
        super().__init__(
            population_size=population_size,
            mutation=mutation,
            mutation_prob=mutation_prob,
            crossover=crossover,
            crossover_prob=crossover_prob,
            swapping_prob=swapping_prob,
            seed=seed,
            constraints_func=constraints_func,
            elite_population_selection_strategy=elite_population_selection_strategy,
            child_generation_strategy=child_generation_strategy,
            after_trial_strategy=after_trial_strategy,
        )
