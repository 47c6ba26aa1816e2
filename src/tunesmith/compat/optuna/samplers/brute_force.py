"""Every combination of values once, found while the objectives run.

Trials make up a tree: each inner node is a parameter, each branch one of its values, in the order in which objectives
ask. A value is proposed whose branch has a leaf that no trial has reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tunesmith.compat.optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.samplers.base import BaseSampler
from tunesmith.state import TrialState


class Node:
    """What is known below a prefix of a trial's parameters.

    Attributes:
        name: the parameter that objectives ask for next; None: that is not known, or nothing more.
        branches: the nodes by the index of its value.
        is_leaf: whether a trial ended here.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.branches: dict[int, Node] = {}
        self.is_leaf = False

    def expand(self, name: str, n_values: int) -> None:
        """Note which parameter comes next.

        Args:
            name: its name.
            n_values: how many values it has.
        """
        if self.name is None:
            self.name = name
            self.branches = {k: Node() for k in range(n_values)}
        elif self.name != name or len(self.branches) != n_values:
            raise ValueError(
                f"BruteForceSampler: after the same values the objective asked for {self.name!r} in one trial and for "
                f"{name!r} in another, or with other values; what it asks for must follow from the values before"
            )

    def add(self, path: Iterable[tuple[str, int, int]], ends: bool) -> None:
        """Add a trial.

        Args:
            path: each parameter, how many values it has, and the index of the trial's own.
            ends: whether nothing comes after these.
        """
        node = self
        for name, n_values, index in path:
            node.expand(name, n_values)
            node = node.branches.setdefault(index, Node())
        node.is_leaf = node.is_leaf or ends

    def is_done(self) -> bool:
        """Tell whether all leaves below are reached."""
        return all(node.is_done() for node in self.branches.values()) if self.branches else self.is_leaf


class BruteForceSampler(BaseSampler):
    """Proposes each combination of values once, of spaces that are not known beforehand; then the search ends.

    Args:
        seed: of the order.
        avoid_premature_stop: do not end while other trials run.
    """

    def __init__(self, seed: int | None = None, avoid_premature_stop: bool = False) -> None:
        self._rng = np.random.default_rng(seed)
        self._waits = avoid_premature_stop

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
        """Return a value whose branch is not done; if all are, any."""
        tree, values = self._tree(study, trial, trial.params), values_of(param_distribution)
        tree.expand(param_name, len(values))
        left = [k for k, node in tree.branches.items() if not node.is_done()]
        return values[int(self._rng.choice(left or len(values)))]

    def after_trial(
        self, study: StudyLike, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """End the search where all leaves are reached."""
        tree = self._tree(study, trial, {})
        tree.add(_path(trial), ends=True)
        if tree.is_done() and study.native.engine.optimizing:
            study.stop()

    def _tree(self, study: StudyLike, trial: FrozenTrial, prefix: Mapping[str, Any]) -> Node:
        """Return what other trials with the same first values did after them."""
        tree = Node()
        for other in study.get_trials(deepcopy=False):
            if other.number == trial.number or other.state is TrialState.WAITING:
                continue
            if all(name in other.params and other.params[name] == value for name, value in prefix.items()):
                ends = other.state.is_finished() or not self._waits
                tree.add(_path(other)[len(prefix) :], ends)
        return tree


def values_of(distribution: BaseDistribution) -> Sequence[Any]:
    """Return all values of a distribution.

    Raises:
        ValueError: it has no finite number of them.
    """
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, FloatDistribution) and (distribution.step is not None or distribution.single()):
        step = distribution.step or 1.0
        return [distribution.low + k * step for k in range(round((distribution.high - distribution.low) / step) + 1)]
    raise ValueError(f"BruteForceSampler needs a finite number of values; {distribution!r} has none: give it a step")


def _path(trial: FrozenTrial) -> list[tuple[str, int, int]]:
    path = []
    for name, value in trial.params.items():
        values = values_of(trial.distributions[name])
        index = next((k for k, v in enumerate(values) if v == value), len(values))  # last: enqueued, out of range
        path.append((name, len(values), index))
    return path
