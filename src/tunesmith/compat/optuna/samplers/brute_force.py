"""Every combination of values once, found while the objectives run.

What an objective asks for next has to follow from the values that it got before. So the trials that began alike make up
a tree: a parameter that all of them have is a node, each of its values a branch. A branch is done if all combinations
below it were tried. In which order the parameters were asked for does not matter: see `is_done`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.parameters import parameter_of
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.samplers.base import BaseSampler
from tunesmith.compat.optuna.trial_state import TrialState, state_of
from tunesmith.space import Parameter
from tunesmith.state import TrialState as NativeState
from tunesmith.trial.record import TrialRecord

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

    def __init__(self, seed: int | None = None, avoid_premature_stop: bool = False) -> None:
        self._rng = np.random.default_rng(seed)

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
        own = _cells(trial)
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
        own = _cells(trial)
        native = study.native
        for other in native.trials:
            if other.number == trial.number or other.state is NativeState.WAITING:
                continue
            here = native.running.get(other.number)
            cells = _cells_of_record(other) if here is None else _cells_of(here.trial.params, here.trial.distributions)
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


def _cells(trial: FrozenTrial) -> Cells:
    return _cells_of(trial.params, {name: parameter_of(d) for name, d in trial.distributions.items()})


def _cells_of(params: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> Cells:
    cells = {}
    for name, value in params.items():
        parameter = parameters[name]
        inside = parameter.contains(value)
        cells[name] = _cell(parameter, parameter.to_internal(value) if inside else math.nan)
    return cells


def _cells_of_record(record: TrialRecord) -> Cells:
    """Read the cells from the internal values, without a conversion of each value."""
    if record.space is None or record.x is None:
        return {}
    used = zip(record.space.params.items(), record.x, strict=True)
    return {name: _cell(p, x) for (name, p), x in used if x == x or name in record.outside}


@lru_cache(maxsize=4096)  # the same few values again and again, in all trials for each proposal
def _cell(parameter: Parameter, x: float) -> tuple[int, int]:
    n = int(parameter.n_values)
    cell = None if math.isnan(x) else parameter.cell_of(x)
    return n, n if cell is None else cell  # n: enqueued, out of range
