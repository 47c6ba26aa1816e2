"""Crossovers and mutations, to be given to `NSGAIISampler`, which has its own and says so."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.names import refuser

__all__ = [
    "BLXAlphaCrossover",
    "PolynomialMutation",
    "SBXCrossover",
    "SPXCrossover",
    "UNDXCrossover",
    "UniformCrossover",
    "VSBXCrossover",
]


class _Operator:
    """What a program gives to the sampler; it holds its numbers.

    Attributes:
        n_parents: of a crossover: how many individuals it takes; no population may be smaller.
    """

    n_parents: ClassVar[int] = 2

    def __init__(self, **numbers: float | None) -> None:
        self.numbers = {name: number for name, number in numbers.items() if number is not None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={number}' for name, number in self.numbers.items())})"


@experimental_class("3.0.0")
class BLXAlphaCrossover(_Operator):
    """A blend of two parents."""

    def __init__(self, alpha: float = 0.5) -> None:
        super().__init__(alpha=alpha)


@experimental_class("3.0.0")
class SBXCrossover(_Operator):
    """Simulated binary crossover; `eta` is followed."""

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        super().__init__(
            eta=eta, uniform_crossover_prob=uniform_crossover_prob, use_child_gene_prob=use_child_gene_prob
        )


@experimental_class("3.0.0")
class VSBXCrossover(_Operator):
    """A variant of simulated binary crossover."""

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        super().__init__(
            eta=eta, uniform_crossover_prob=uniform_crossover_prob, use_child_gene_prob=use_child_gene_prob
        )


@experimental_class("3.0.0")
class SPXCrossover(_Operator):
    """Simplex crossover, of three parents."""

    n_parents: ClassVar[int] = 3

    def __init__(self, epsilon: float | None = None) -> None:
        super().__init__(epsilon=epsilon)


@experimental_class("3.0.0")
class UNDXCrossover(_Operator):
    """Unimodal normal distribution crossover, of three parents."""

    n_parents: ClassVar[int] = 3

    def __init__(self, sigma_xi: float = 0.5, sigma_eta: float | None = None) -> None:
        super().__init__(sigma_xi=sigma_xi, sigma_eta=sigma_eta)


class UniformCrossover(_Operator):
    """Each parameter from one of two parents."""

    def __init__(self, swapping_prob: float = 0.5) -> None:
        checked_probability("swapping_prob", swapping_prob)
        super().__init__(swapping_prob=swapping_prob)


@experimental_class("5.0.0")
class PolynomialMutation(_Operator):
    """Polynomial mutation; `eta` is followed.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002, in the
    form for bounded parameters.

    Args:
        eta: the larger, the nearer to the old value is the new one; 0 or more.

    Raises:
        ValueError: `eta` is negative.
    """

    def __init__(self, eta: float = 20.0) -> None:
        if not eta >= 0:
            raise ValueError(f"PolynomialMutation: eta must be 0 or more; got {eta}")
        super().__init__(eta=eta)

    def mutation(self, param: float, rng: np.random.RandomState, study: Any, search_space_bounds: Any) -> float:
        """Return a mutated value of a parameter.

        Args:
            study: not looked at.
            search_space_bounds: the lowest and the highest value.

        Returns:
            A value between the bounds.
        """
        low, high = map(float, search_space_bounds)
        r, power = float(rng.rand()), float(self.numbers["eta"]) + 1.0
        if high <= low:
            return param
        # The share of the range up to the bound on the side to which the value moves: below it, or above it.
        falls = r <= 0.5
        room = ((param - low) if falls else (high - param)) / (high - low)
        tail = 2.0 * min(r, 1.0 - r)
        moved = 1.0 - (tail + (1.0 - tail) * (1.0 - room) ** power) ** (1.0 / power)
        return float(param + (-moved if falls else moved) * (high - low))


def checked_probability(name: str, value: float | None) -> None:
    """Check that a probability lies in [0, 1]; ValueError if not. None is one that is not given."""
    if value is not None and not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is a probability, from 0 to 1; got {value}")


__getattr__ = refuser(__name__, __all__)
