"""The conditions of a space, checked against its parameters and compiled to columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.space.conditions import Condition
from tunesmith.text import did_you_mean, listing, shown

if TYPE_CHECKING:
    from tunesmith.space.base import Parameter
    from tunesmith.space.encoding import BoolArray, FloatArray


def bind(name: str, condition: Condition, params: Mapping[str, Parameter]) -> Condition:
    """Return the condition with its values checked against the parent, in the parent's order, without repeats."""
    clauses = []
    for parent, values in condition.clauses:
        if parent not in params:
            raise SpaceError(
                f"{name!r} depends on {parent!r}, which is no parameter of the space"
                f"{did_you_mean(parent, params)} (parameters: {listing(params)})"
            )
        on = params[parent]
        if on.n_values == math.inf:
            raise SpaceError(
                f"{name!r} depends on {parent!r}, which is continuous and hits a given value with probability 0; "
                "conditions need a parent with countable values (Categorical, Ordinal, Int, or a step)"
            )
        # A tuple is read as alternatives, unless it is itself one of the parent's choices.
        if len(values) > 1 and on.contains(values) and not all(on.contains(value) for value in values):
            values = (values,)
        internal = set()
        for value in values:
            try:
                internal.add(on.to_internal(value))
            except ValueError as error:
                raise SpaceError(f"{name!r} depends on {parent} == {shown(value)}, but {parent!r}: {error}") from None
        clauses.append((parent, [on.to_label(x) for x in sorted(internal)]))
    return Condition(clauses)


class ConditionTable:
    """The conditions of a space compiled to columns; parents come before their children.

    Raises:
        SpaceError: the conditions form a cycle.
    """

    __slots__ = ("order", "parents", "rules")

    def __init__(self, params: Mapping[str, Parameter]) -> None:
        column = {name: j for j, name in enumerate(params)}
        self.rules: dict[int, list[tuple[int, frozenset[float], FloatArray]]] = {}
        for name, param in params.items():
            if param.condition is not None:
                rule = []
                for parent, values in param.condition.clauses:
                    internal = [params[parent].to_internal(value) for value in values]
                    rule.append((column[parent], frozenset(internal), np.array(internal)))
                self.rules[column[name]] = rule
        self.order = self._sort(list(params))
        self.parents = frozenset(p for rule in self.rules.values() for p, _, _ in rule)

    def _sort(self, names: Sequence[str]) -> list[int]:
        """Return the conditional columns, parents first (depth-first; a column met on its own path is a cycle)."""
        done: list[int] = []
        finished: set[int] = set()

        def visit(column: int, path: list[int]) -> None:
            if column in path:
                cycle = [names[j] for j in [*path[path.index(column) :], column]]
                raise SpaceError(f"the conditions form a cycle: {' depends on '.join(map(repr, cycle))}")
            if column in finished or column not in self.rules:
                return
            for parent, _, _ in self.rules[column]:
                visit(parent, [*path, column])
            finished.add(column)
            done.append(column)

        for column in self.rules:
            visit(column, [])
        return done

    def active(self, x: FloatArray) -> BoolArray:
        """Return which cells of x[n, d] are active, bool[n, d]; values in inactive cells are ignored."""
        active = np.ones(x.shape, dtype=np.bool_)
        for column in self.order:
            on = active[:, column]
            for parent, _, values in self.rules[column]:
                column_of_parent = x[:, parent]
                if len(values) == 1:
                    on &= column_of_parent == values[0]
                else:
                    on &= np.isin(column_of_parent, values)
                if parent in self.rules:
                    on &= active[:, parent]
        return active

    def active_row(self, row: Sequence[float]) -> list[bool]:
        """Return which cells of one row of Python floats are active."""
        active = [True] * len(row)
        for column in self.order:
            active[column] = all(active[parent] and row[parent] in values for parent, values, _ in self.rules[column])
        return active
