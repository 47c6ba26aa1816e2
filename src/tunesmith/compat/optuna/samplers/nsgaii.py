"""Crossovers and mutations, to be given to `NSGAIISampler`, which has its own and says so."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here

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
    """What a program gives to the sampler; it holds its numbers."""

    def __init__(self, **numbers: float | None) -> None:
        self.numbers = {name: number for name, number in numbers.items() if number is not None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={number}' for name, number in self.numbers.items())})"


class BLXAlphaCrossover(_Operator):
    """A blend of two parents."""

    def __init__(self, alpha: float = 0.5) -> None:
        super().__init__(alpha=alpha)


class SBXCrossover(_Operator):
    """Simulated binary crossover; `eta` is followed."""

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        super().__init__(
            eta=eta, uniform_crossover_prob=uniform_crossover_prob, use_child_gene_prob=use_child_gene_prob
        )


class VSBXCrossover(_Operator):
    """A variant of simulated binary crossover."""

    def __init__(
        self, eta: float | None = None, uniform_crossover_prob: float = 0.5, use_child_gene_prob: float = 0.5
    ) -> None:
        super().__init__(
            eta=eta, uniform_crossover_prob=uniform_crossover_prob, use_child_gene_prob=use_child_gene_prob
        )


class SPXCrossover(_Operator):
    """Simplex crossover."""

    def __init__(self, epsilon: float | None = None) -> None:
        super().__init__(epsilon=epsilon)


class UNDXCrossover(_Operator):
    """Unimodal normal distribution crossover."""

    def __init__(self, sigma_xi: float = 0.5, sigma_eta: float | None = None) -> None:
        super().__init__(sigma_xi=sigma_xi, sigma_eta=sigma_eta)


class UniformCrossover(_Operator):
    """Each parameter from one of two parents."""

    def __init__(self, swapping_prob: float = 0.5) -> None:
        super().__init__(swapping_prob=swapping_prob)


class PolynomialMutation(_Operator):
    """Polynomial mutation; `eta` is followed."""

    def __init__(self, eta: float = 20.0) -> None:
        super().__init__(eta=eta)


__getattr__ = refuser(__name__, __all__)
lead_here(__name__)
