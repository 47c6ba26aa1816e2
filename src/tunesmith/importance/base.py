"""The contract of evaluators, what they are given, and what they return.

Symbols: n trials, d parameters, r effects, b bootstrap or posterior draws, s shuffles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tunesmith.importance.table import Change
from tunesmith.numerics.arrays import Floats, Indices
from tunesmith.space import Space


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceData:
    """The trials of a study that an evaluator uses.

    Attributes:
        space: the parameters, with the conditions that were declared, or inferred from what was active when.
        u: points in the unit cube [n, d], NaN where a parameter was not active; ``space.from_unit(u)`` has the values.
        y: finite values [n], minimised, in the order in which the trials were asked for.
        wanted: places of the parameters that are asked for, in the order of the space.
        sign: +1, or -1 if the study maximises: sign · y is in the study's unit.
        first: internal values [d] of the first complete trial.
        pruned: unit coordinates [p, d] of the trials that were pruned: nothing is known of their values but that they
            seemed hopeless. Empty with a target, which says nothing of them.
        pruned_after: of each of these, how many of the n trials were asked for before it [p].
    """

    space: Space
    u: Floats
    y: Floats
    wanted: tuple[int, ...]
    sign: float
    first: Floats
    pruned: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    pruned_after: Indices = field(default_factory=lambda: np.zeros(0, np.intp))


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What an evaluator found, before it becomes a table.

    Attributes:
        params: of each effect, the places of its one or two parameters [r].
        value: raw values [r], as the definition gives them.
        draws: raw values in bootstrap samples or posterior draws [b, r].
        shuffled: raw values with shuffled y [s, r]; the same shuffle for all effects of a row.
        n_trials: how many trials each rests on [r].
        unit: what a value is, in words.
        notes: what else is to be known, in sentences.
        changes: of "ablation": the step of each effect, in the order of the path.
        start: of "ablation": what is expected of the default configuration.
        positive: whether values of noise are positive by construction; their mean over the shuffles is subtracted.
    """

    params: tuple[tuple[int, ...], ...]
    value: Floats
    draws: Floats
    shuffled: Floats
    n_trials: tuple[int, ...]
    unit: str
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    start: float | None = None
    positive: bool = True


class Evaluator(ABC):
    """Measures how much parameters mattered.

    Attributes:
        name: what it is called in tables.
    """

    name: ClassVar[str]

    @abstractmethod
    def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
        """Measure the effects of the wanted parameters; called once for each table.

        Args:
            data: at least two trials, whose values differ, and at least one parameter.
            rng: for bootstrap samples, draws and shuffles; seeded by the study, so that a table is made the same again.

        Returns:
            Raw values, with their draws and shuffles; what noise gives is subtracted later.
        """

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"{type(self).__name__}({arguments})"

    def check(self, data: ImportanceData) -> None:  # noqa: B027  # most need nothing more than every evaluator
        """Raise a ValueError that says what is missing, if the data are not enough; called before `evaluate`."""
