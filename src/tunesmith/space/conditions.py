"""Conditions: when a parameter exists, and which cells of an array are active."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.space.hints import did_you_mean, listing, shown
from tunesmith.space.labels import label_key

if TYPE_CHECKING:
    from tunesmith.space.encoding import BoolArray, FloatArray
    from tunesmith.space.parameters import Parameter


class Condition:
    """All of its clauses hold; a clause (parent, values) holds if the parent is active and has one of the values.

    Immutable; equality and hash tell `True`, `1` and `1.0` apart.
    """

    __slots__ = ("_key", "clauses")
    clauses: tuple[tuple[str, tuple[Any, ...]], ...]
    _key: tuple[object, ...]

    def __init__(self, clauses: Iterable[tuple[str, Iterable[Any]]]) -> None:
        kept = tuple((parent, tuple(values)) for parent, values in clauses)
        object.__setattr__(self, "clauses", kept)
        object.__setattr__(self, "_key", tuple((p, tuple(_hashable(v) for v in values)) for p, values in kept))

    @classmethod
    def of(cls, parents: Mapping[Any, Any]) -> Condition:
        """From `parent=value`, or `parent=[value, value]` for any of several values."""
        if not parents:
            raise SpaceError("a condition needs at least one parent, as in .when(model='svm')")
        clauses = []
        for parent, given in parents.items():
            if not isinstance(parent, str) or not parent:
                raise SpaceError(f"a condition names its parent by a string, got {shown(parent)}")
            values = _alternatives(given)
            if not values:
                raise SpaceError(f"the condition on {parent!r} lists no value: the parameter would never be active")
            clauses.append((parent, values))
        return cls(clauses)

    def __and__(self, other: Condition) -> Condition:
        return Condition(self.clauses + other.clauses)

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the parameters that it looks at."""
        return tuple(parent for parent, _ in self.clauses)

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether it holds for values by name; a parent that is not among them is not active."""
        return all(
            parent in params and any(_hashable(params[parent]) == _hashable(v) for v in values)
            for parent, values in self.clauses
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("conditions cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Condition, (self.clauses,))

    def __repr__(self) -> str:
        return " and ".join(
            f"{parent} == {shown(values[0])}" if len(values) == 1 else f"{parent} in ({listing(values)})"
            for parent, values in self.clauses
        )


def _alternatives(given: Any) -> tuple[Any, ...]:
    if isinstance(given, np.ndarray):
        return tuple(given.tolist())
    if isinstance(given, (list, tuple, set, frozenset, range)):
        return tuple(given)
    return (given,)


def _hashable(value: Any) -> object:
    key = label_key(value)
    return key if key is not None else ("object", id(value))


def bind(name: str, condition: Condition, params: Mapping[str, Parameter]) -> Condition:
    """The same condition with every value checked against its parent, in the parent's order, without repeats.

    Raises:
        SpaceError: a parent is unknown, or does not take one of the values.
    """
    clauses = []
    for parent, values in condition.clauses:
        if parent not in params:
            raise SpaceError(
                f"{name!r} depends on {parent!r}, which is no parameter of the space"
                f"{did_you_mean(parent, params)} (parameters: {listing(params)})"
            )
        on = params[parent]
        if on.n_values == float("inf"):
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
        """Conditional columns, parents first (depth-first; a column met again on its own path closes a cycle)."""
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
        """Which cells of x[n, d] exist, bool[n, d]; values in cells that do not are not looked at."""
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
        """:meth:`active` for one row of Python floats."""
        active = [True] * len(row)
        for column in self.order:
            active[column] = all(active[parent] and row[parent] in values for parent, values, _ in self.rules[column])
        return active
